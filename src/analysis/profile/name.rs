//! Names of features as `CellProfiler` makes them: compartment, group of measurements, measurement, channels.
//!
//! `Cells_Intensity_MeanIntensity_DNA`, `Nuclei_Texture_Contrast_RNA_3_00_256`, `Cytoplasm_Correlation_K_ER_AGP`. Names of other
//! programs have no compartment; a channel is looked for in them too.

/// Part of the cell that a feature is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compartment {
    /// Whole cells.
    Cells,
    /// Cells without their nuclei.
    Cytoplasm,
    /// Nuclei.
    Nuclei,
    /// Whole images.
    Image,
    /// The name says none.
    Other,
}

impl Compartment {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Cells, Self::Cytoplasm, Self::Nuclei, Self::Image, Self::Other];

    /// As names of features begin.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cells => "Cells",
            Self::Cytoplasm => "Cytoplasm",
            Self::Nuclei => "Nuclei",
            Self::Image => "Image",
            Self::Other => "Other",
        }
    }
}

/// The stain that a feature is of; the five of Cell Painting (Bray 2016, doi 10.1038/nprot.2016.105) are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Hoechst.
    Dna,
    /// Concanavalin A.
    Er,
    /// SYTO 14.
    Rna,
    /// Actin, Golgi and plasma membrane: phalloidin and wheat-germ agglutinin.
    Agp,
    /// `MitoTracker`.
    Mito,
    /// Transmitted light.
    Brightfield,
    /// More than one of these.
    Several,
    /// None that is known: shapes, positions, other stains.
    Other,
}

impl Channel {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Dna,
        Self::Er,
        Self::Rna,
        Self::Agp,
        Self::Mito,
        Self::Brightfield,
        Self::Several,
        Self::Other,
    ];

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Dna => "DNA",
            Self::Er => "ER",
            Self::Rna => "RNA",
            Self::Agp => "AGP",
            Self::Mito => "Mito",
            Self::Brightfield => "Brightfield",
            Self::Several => "Several channels",
            Self::Other => "No channel",
        }
    }

    /// Of a part of a name; `OrigDNA` and `CorrDNA` are pictures of one channel.
    fn of(part: &str) -> Option<Self> {
        let lower = part.to_ascii_lowercase();
        let bare = ["orig", "corr", "illum"].iter().find_map(|start| lower.strip_prefix(start));
        match bare.filter(|bare| !bare.is_empty()).unwrap_or(&lower) {
            "dna" | "hoechst" | "dapi" | "draq5" | "nucleus" => Some(Self::Dna),
            "er" | "cona" | "concanavalin" => Some(Self::Er),
            "rna" | "syto" | "syto14" => Some(Self::Rna),
            "agp" | "actin" | "phalloidin" | "golgi" | "wga" => Some(Self::Agp),
            "mito" | "mitochondria" | "mitotracker" | "tmrm" => Some(Self::Mito),
            "brightfield" | "bf" | "lowzbf" | "highzbf" => Some(Self::Brightfield),
            _ => None,
        }
    }
}

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureName {
    /// Where.
    pub compartment: Compartment,
    /// Group of measurements, `Intensity`, `Texture`; empty without a compartment.
    pub group: String,
    /// The rest, `Contrast 3 00 256`.
    pub measurement: String,
    /// Channels in the name's order, each once.
    pub channels: Vec<Channel>,
}

impl FeatureName {
    /// Takes a name apart. What is not understood is part of the measurement, so that nothing is lost.
    pub fn parse(name: &str) -> Self {
        let mut parts: Vec<&str> = name.split('_').filter(|part| !part.is_empty()).collect();
        let first = parts.first().copied().unwrap_or_default();
        let known = Compartment::ALL[..4].iter().copied().find(|compartment| compartment.title() == first);
        let compartment = known.filter(|_| parts.len() > 1).unwrap_or(Compartment::Other);
        let mut group = String::new();
        if compartment != Compartment::Other {
            parts.remove(1).clone_into(&mut group);
            parts.remove(0);
        }
        let mut channels = Vec::new();
        parts.retain(|part| {
            let Some(channel) = Channel::of(part) else { return true };
            if !channels.contains(&channel) {
                channels.push(channel);
            }
            false
        });
        Self { compartment, group, measurement: parts.join(" "), channels }
    }

    /// The channel that it is shown with.
    pub fn channel(&self) -> Channel {
        match self.channels.as_slice() {
            [] => Channel::Other,
            [only] => *only,
            _ => Channel::Several,
        }
    }

    /// In words: `mean intensity of DNA (cells)`, `texture contrast 3 00 256 of RNA (nuclei)`.
    pub fn words(&self) -> String {
        let group = match self.group.as_str() {
            // The measurement says it.
            "AreaShape" | "Intensity" => "",
            "Correlation" if self.measurement.starts_with("Correlation") => "",
            group => group,
        };
        let words = [spoken(group), spoken(&self.measurement)];
        let mut text = words.iter().filter(|words| !words.is_empty()).cloned().collect::<Vec<_>>().join(" ");
        let channels: Vec<&str> = self.channels.iter().map(|channel| channel.title()).collect();
        if text.is_empty() {
            text = channels.join(" and ");
        } else if !channels.is_empty() {
            text = format!("{text} of {}", channels.join(" and "));
        }
        if self.compartment != Compartment::Other {
            text = format!("{text} ({})", self.compartment.title().to_lowercase());
        }
        text
    }
}

/// `MeanIntensity` as "mean intensity"; abbreviations (`DNA`, `FracAtD`'s `D`) stay.
fn spoken(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut spoken = String::new();
    for (place, &letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| letters.get(place));
        let is_start = letter.is_uppercase() && before.is_some_and(|before| before.is_lowercase());
        if is_start {
            spoken.push(' ');
        }
        let begins_word = is_start || before.is_none_or(|before| *before == ' ');
        let is_word = letters.get(place + 1).is_some_and(|next| next.is_lowercase());
        if begins_word && is_word {
            spoken.extend(letter.to_lowercase());
        } else {
            spoken.push(letter);
        }
    }
    spoken
}
