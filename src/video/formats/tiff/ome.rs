//! OME-XML: what it says about images, before it is compared with the file.

use roxmltree::{Document, Node};

use super::units::{length_um, positive, time_s};
use crate::video::Channel;

/// The parts of an OME-XML document that describe pixels.
#[derive(Debug, Default)]
pub struct Ome {
    /// The document's own identifier.
    pub uuid: Option<String>,
    /// File with the real document, where this one only points to it.
    pub metadata_file: Option<String>,
    /// Images in document order.
    pub images: Vec<Image>,
    /// Distinct file names of `TiffData/UUID`.
    pub files: Vec<FileName>,
}

/// A file of a multi-file set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName {
    /// Name as written.
    pub name: Option<String>,
    /// Identifier of the OME-XML in that file.
    pub uuid: String,
}

/// One `Image` element.
#[derive(Debug, Default)]
pub struct Image {
    /// Its name.
    pub name: Option<String>,
    /// Z, C and T, fastest first.
    pub order: [char; 3],
    /// Declared sizes.
    pub x: u64,
    /// Rows.
    pub y: u64,
    /// Focal planes.
    pub z: u64,
    /// Channels, samples of colour pictures included.
    pub c: u64,
    /// Time points.
    pub t: u64,
    /// Pixel size, µm.
    pub pixel_size_um: Option<f64>,
    /// Focal plane distance, µm.
    pub z_step_um: Option<f64>,
    /// Frame interval, s.
    pub interval_s: Option<f64>,
    /// Channels, and samples per pixel of each.
    pub channels: Vec<(Channel, u64)>,
    /// Where planes are.
    pub data: Vec<TiffData>,
    /// True when pixels are in the XML itself.
    pub binary: bool,
    /// Time stamps: t, z, c, s.
    pub times: Vec<(u64, u64, u64, f64)>,
}

/// One `TiffData` element: a run of planes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TiffData {
    /// First directory.
    pub ifd: Option<u64>,
    /// First plane: z, c, t.
    pub first: [u64; 3],
    /// Number of planes.
    pub count: Option<u64>,
    /// Index into [`Ome::files`].
    pub file: Option<usize>,
}

/// True when a description may be OME-XML.
pub fn is_ome(description: &str) -> bool {
    let start = description.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    start.starts_with('<') && description.contains("<OME") || start.starts_with("<ome:OME")
}

impl Ome {
    /// Parses a document.
    pub fn parse(xml: &str) -> Result<Self, String> {
        let xml = xml.trim_matches(['\u{feff}', ' ', '\n', '\r', '\t', '\0']);
        let document = Document::parse(xml).map_err(|e| e.to_string())?;
        let root = document.root_element();
        if root.tag_name().name() != "OME" {
            return Err(format!("the root element is {} instead of OME", root.tag_name().name()));
        }
        let mut ome = Self { uuid: root.attribute("UUID").map(str::to_owned), ..Self::default() };
        let mut known = std::collections::HashMap::new();
        for node in root.children().filter(Node::is_element) {
            match node.tag_name().name() {
                "BinaryOnly" => ome.metadata_file = node.attribute("MetadataFile").map(str::to_owned),
                "Image" => {
                    if let Some(pixels) = child(node, "Pixels") {
                        ome.images.push(Image::of(node, pixels, &mut known)?);
                    }
                }
                _ => {}
            }
        }
        let mut files: Vec<(FileName, usize)> = known.into_iter().collect();
        files.sort_by_key(|(_, index)| *index);
        ome.files = files.into_iter().map(|(file, _)| file).collect();
        Ok(ome)
    }
}

impl Image {
    fn of(
        image: Node,
        pixels: Node,
        files: &mut std::collections::HashMap<FileName, usize>,
    ) -> Result<Self, String> {
        let size = |name: &str| {
            let text = pixels.attribute(name).ok_or_else(|| format!("Pixels has no {name}"))?;
            match text.trim().parse::<u32>() {
                Ok(n) if n > 0 => Ok(u64::from(n)),
                _ => Err(format!("{name} is \"{text}\"")),
            }
        };
        let length = |name: &str| {
            let value: f64 = pixels.attribute(name)?.trim().parse().ok()?;
            let unit = pixels.attribute(format!("{name}Unit").as_str()).map_or(Some(1.0), length_um)?;
            positive(value * unit)
        };
        let time = |node: Node, name: &str| {
            let value: f64 = node.attribute(name)?.trim().parse().ok()?;
            let unit = node.attribute(format!("{name}Unit").as_str()).map_or(Some(1.0), time_s)?;
            Some(value * unit).filter(|s| s.is_finite())
        };
        let mut this = Self {
            name: image.attribute("Name").map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned),
            order: order(pixels.attribute("DimensionOrder").unwrap_or("XYCZT")),
            x: size("SizeX")?,
            y: size("SizeY")?,
            z: size("SizeZ")?,
            c: size("SizeC")?,
            t: size("SizeT")?,
            pixel_size_um: length("PhysicalSizeX"),
            z_step_um: length("PhysicalSizeZ"),
            interval_s: time(pixels, "TimeIncrement").and_then(positive),
            ..Self::default()
        };
        for node in pixels.children().filter(Node::is_element) {
            let number = |name: &str| node.attribute(name).and_then(|n| n.trim().parse::<u64>().ok());
            match node.tag_name().name() {
                "Channel" => this.channels.push((
                    Channel {
                        name: node
                            .attribute("Name")
                            .or_else(|| node.attribute("Fluor"))
                            .map(str::trim)
                            .filter(|n| !n.is_empty())
                            .map(str::to_owned),
                        color: node.attribute("Color").and_then(color),
                    },
                    number("SamplesPerPixel").unwrap_or(1),
                )),
                "BinData" => this.binary = true,
                "TiffData" => {
                    let file = child(node, "UUID").map(|uuid| {
                        let next = files.len();
                        *files
                            .entry(FileName {
                                name: uuid.attribute("FileName").map(str::to_owned),
                                uuid: uuid.text().unwrap_or_default().trim().to_owned(),
                            })
                            .or_insert(next)
                    });
                    this.data.push(TiffData {
                        ifd: number("IFD"),
                        first: ["FirstZ", "FirstC", "FirstT"].map(|name| number(name).unwrap_or(0)),
                        count: number("PlaneCount"),
                        file,
                    });
                }
                "Plane" => {
                    if let Some(s) = time(node, "DeltaT") {
                        let [t, z, c] = ["TheT", "TheZ", "TheC"].map(|name| number(name).unwrap_or(0));
                        this.times.push((t, z, c, s));
                    }
                }
                _ => {}
            }
        }
        Ok(this)
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.is_element() && n.tag_name().name() == name)
}

/// Z, C and T of a `DimensionOrder`, fastest first; the schema's most common order if it makes no sense.
fn order(text: &str) -> [char; 3] {
    let rest: Vec<char> = text.chars().filter(|c| "ZCT".contains(*c)).collect();
    match rest.as_slice() {
        &[a, b, c] if a != b && b != c && a != c => [a, b, c],
        _ => ['C', 'Z', 'T'],
    }
}

/// OME stores RGBA in a signed 32-bit number; some writers leave it unsigned.
fn color(text: &str) -> Option<[u8; 3]> {
    let value: i64 = text.trim().parse().ok()?;
    let bits = i32::try_from(value).map(|v| v as u32).or_else(|_| u32::try_from(value)).ok()?;
    let [r, g, b, _] = bits.to_be_bytes();
    Some([r, g, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_colours_and_times() {
        let xml = r#"<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">
            <Image ID="Image:0" Name="cell"><Pixels DimensionOrder="XYZTC" SizeX="4" SizeY="3" SizeZ="1" SizeC="2"
              SizeT="2" PhysicalSizeX="65" PhysicalSizeXUnit="nm" PhysicalSizeZ="0.3" TimeIncrement="2"
              TimeIncrementUnit="min"><Channel Name="GFP" Color="16711935"/><Channel Color="-16776961"/>
              <TiffData FirstT="1" IFD="3"><UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData>
              <Plane TheZ="0" TheT="1" TheC="0" DeltaT="1500" DeltaTUnit="ms"/></Pixels></Image></OME>"#;
        let ome = Ome::parse(xml).unwrap();
        let image = &ome.images[0];
        assert_eq!(image.order, ['Z', 'T', 'C']);
        assert!((image.pixel_size_um.unwrap() - 0.065).abs() < 1e-12);
        assert_eq!((image.z_step_um, image.interval_s), (Some(0.3), Some(120.0)));
        assert_eq!(image.channels[0].0.color, Some([0, 255, 0]));
        assert_eq!(image.channels[1].0.color, Some([255, 0, 0]));
        assert_eq!(image.times, [(1, 0, 0, 1.5)]);
        assert_eq!(image.data[0], TiffData { ifd: Some(3), first: [0, 0, 1], count: None, file: Some(0) });
        assert_eq!(ome.files[0].name.as_deref(), Some("b.ome.tif"));
    }

    #[test]
    fn lies_are_named() {
        assert!(Ome::parse("<OME").is_err());
        assert!(Ome::parse("").is_err());
        let bomb = "<!DOCTYPE o [<!ENTITY a \"aaaa\">]><OME>&a;</OME>";
        assert!(Ome::parse(bomb).is_err());
        let zero = "<OME><Image><Pixels SizeX='0' SizeY='1' SizeZ='1' SizeC='1' SizeT='1'/></Image></OME>";
        assert!(Ome::parse(zero).unwrap_err().contains("SizeX"));
    }
}
