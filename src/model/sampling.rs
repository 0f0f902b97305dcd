//! Which frames and channels of a recording a model sees, and at which scale.

use super::card::InputSpec;
use super::clip::{Calibration, ClipError, Mismatch};
use crate::video::Recording;

/// Which frames and channels of a recording make a clip, and at which scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Time points.
    pub frames: Vec<usize>,
    /// Channel, and sample of interleaved colour, of each role.
    pub channels: Vec<(usize, usize)>,
    /// Pixels of the recording per pixel of the model.
    pub ratio: f64,
    /// How the scale differs from the model's.
    pub mismatch: Mismatch,
}

impl Sampling {
    /// As [`Clip::read_frames`](super::clip::Clip::read_frames) takes them: the frames that are nearest to the model's time
    /// points, of those that are usable (ascending).
    ///
    /// # Errors
    /// There is no frame, or the pixel size cannot be true.
    pub fn new(
        recording: &Recording,
        usable: &[usize],
        calibration: Calibration,
        spec: &InputSpec,
    ) -> Result<Self, ClipError> {
        let shape = recording.shape();
        let path = || recording.path().display().to_string();
        if usable.is_empty() {
            return Err(ClipError::NoFrames { path: path() });
        }
        let positive = |value: Option<f64>| value.filter(|value| value.is_finite() && *value > 0.0);
        let pixel_um = positive(calibration.pixel_size_um).or(positive(recording.series.pixel_size_um));
        let times: Option<Vec<f64>> = positive(calibration.interval_s)
            .map(|interval| (0..shape.t).map(|t| t as f64 * interval).collect())
            .or_else(|| recording.times_s());
        let times = times
            .and_then(|times| usable.iter().map(|&t| times.get(t).copied()).collect::<Option<Vec<f64>>>());
        // A model that does not know its interval takes frames from all of the recording.
        let timed = times.as_deref().filter(|_| spec.interval_s.is_some());
        let (places, interval) =
            choose_frames(usable.len(), timed, spec.frames, spec.interval_s.unwrap_or_default());
        let frames: Vec<usize> = places.into_iter().map(|place| usable[place]).collect();

        // Source pixels per model pixel.
        let pixels = pixel_um.zip(spec.pixel_size_um);
        let ratio = pixels.map_or(1.0, |(um, model)| model / um);
        let longer = (shape.x.max(shape.y) as f64 / ratio).round() as usize;
        if longer > 1_000_000 || longer == 0 {
            return Err(ClipError::Scale { path: path(), um: pixel_um.unwrap_or(0.0), pixels: longer });
        }
        let mismatch = Mismatch {
            scale: pixels.map(|(um, model)| um / model),
            interval: interval.zip(spec.interval_s).map(|(interval, model)| interval / model),
            still: (usable.len() == 1 || spec.frames == 1).then_some(spec.frames),
        };
        Ok(Self { frames, channels: pick_channels(recording, &spec.channels), ratio, mismatch })
    }
}

/// Which of `n` frames, at least one, to take, and the seconds between them; `None` if that is unknown, or if it is one
/// frame.
///
/// With times: those nearest to `count` time points that are `interval` apart, around the middle; if the recording is
/// shorter than that, `count` points spread over all of it. Without times: spread over all of it. One of many: the middle.
fn choose_frames(n: usize, times: Option<&[f64]>, count: usize, interval: f64) -> (Vec<usize>, Option<f64>) {
    if n == 1 || count <= 1 {
        return (vec![n / 2; count], None);
    }
    let steps = (count - 1) as f64;
    let Some(times) = times.filter(|times| times.len() == n) else {
        let at = |k: usize| (k as f64 * (n - 1) as f64 / steps).round() as usize;
        return ((0..count).map(at).collect(), None);
    };
    let (first, last) = (times[0], times[n - 1]);
    // Half a frame of slack: 16 frames at 5.01 s are still 16 frames at 5 s.
    let slack = 0.5 * (last - first) / (n - 1) as f64;
    let spacing = if steps * interval <= last - first + slack { interval } else { (last - first) / steps };
    let start = (f64::midpoint(first, last) - 0.5 * steps * spacing).max(first);
    let nearest = |time: f64| {
        let after = times.partition_point(|&t| t < time).min(n - 1);
        let before = after.saturating_sub(1);
        if time - times[before] < times[after] - time { before } else { after }
    };
    ((0..count).map(|k| nearest(start + k as f64 * spacing)).collect(), Some(spacing))
}

/// What tells a role by the name of a channel, in lower case.
struct RoleWords {
    role: &'static str,
    /// Anywhere in the name.
    strong: &'static [&'static str],
    /// As a word of its own, where no channel has a strong one: mtDNA is no nucleus.
    weak: &'static [&'static str],
}

const ROLES: [RoleWords; 2] = [
    RoleWords { role: "mitochondria", strong: &["tmrm", "mito", "tom20", "cox8", "rhodamine"], weak: &[] },
    RoleWords { role: "nucleus", strong: &["hoechst", "dapi", "nucle", "h2b"], weak: &["dna"] },
];

/// The channel that is called after a role.
fn named(role: &str, names: &[String]) -> Option<usize> {
    let words = ROLES.iter().find(|words| words.role == role)?;
    let is_strong = |name: &String| words.strong.iter().any(|word| name.contains(word));
    let is_weak =
        |name: &String| name.split(|c: char| !c.is_alphanumeric()).any(|word| words.weak.contains(&word));
    names.iter().position(is_strong).or_else(|| names.iter().position(is_weak))
}

/// The role of each channel by its name, in lower case: the first channel that is called after a role has it.
pub fn roles(names: &[String]) -> Vec<Option<&'static str>> {
    let mut roles = vec![None; names.len()];
    for words in &ROLES {
        if let Some(place) = named(words.role, names) {
            roles[place] = roles[place].or(Some(words.role));
        }
    }
    roles
}

/// Where a role's samples are: channel, and sample of interleaved colour. A channel is taken by its name, else by the
/// role's place.
fn pick_channels(recording: &Recording, roles: &[String]) -> Vec<(usize, usize)> {
    let shape = recording.shape();
    let channels = recording.series.channels.iter().take(shape.c);
    let names: Vec<String> =
        channels.map(|channel| channel.name.as_deref().unwrap_or_default().to_lowercase()).collect();
    let pick = |(index, role): (usize, &String)| {
        let channel = named(role, &names).unwrap_or(index.min(shape.c - 1));
        // The Mito dataset: R = mitochondria, G = second stain, B = nucleus.
        let sample = match role.as_str() {
            "mitochondria" => 0,
            "nucleus" => 2,
            _ => index.min(2),
        };
        (channel, if shape.s < 3 { 0 } else { sample })
    };
    roles.iter().enumerate().map(pick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clip::tests::{FIVE, recording};
    use crate::video::Shape;

    #[test]
    fn frames_are_the_nearest_in_time_whatever_their_number() {
        // One frame per second, the model wants one per 5 s: every fifth, around the middle.
        let times: Vec<f64> = (0..31).map(f64::from).collect();
        assert_eq!(choose_frames(31, Some(&times), 4, 5.0), (vec![8, 13, 18, 23], Some(5.0)));
        // Too short: spread over all of it.
        assert_eq!(choose_frames(4, Some(&times[..4]), 4, 5.0), (vec![0, 1, 2, 3], Some(1.0)));
        // Too few frames: some twice.
        assert_eq!(choose_frames(4, None, 8, 5.0), (vec![0, 0, 1, 1, 2, 2, 3, 3], None));
        assert_eq!(choose_frames(2, Some(&times[..2]), 4, 5.0), (vec![0, 0, 1, 1], Some(1.0 / 3.0)));
        // One frame for all, and one of all.
        for times in [None, Some(&times[..1])] {
            assert_eq!(choose_frames(1, times, 4, 5.0), (vec![0; 4], None));
        }
        for times in [None, Some(&times[..])] {
            assert_eq!(choose_frames(31, times, 1, 5.0), (vec![15], None));
        }
        // 16 frames at 5.01 s for a model of 5 s.
        let times: Vec<f64> = (0..16).map(|t| f64::from(t) * 4.99).collect();
        let (frames, interval) = choose_frames(16, Some(&times), 16, 5.0);
        assert_eq!((frames, interval), ((0..16).collect(), Some(5.0)));
    }

    #[test]
    fn a_model_of_unknown_scale_takes_pixels_as_recorded_and_frames_of_the_whole_recording() {
        let spec = InputSpec {
            channels: vec!["mitochondria".into()],
            frames: 5,
            size: 16,
            pixel_size_um: None,
            interval_s: None,
            masked: false,
            mean: vec![0.0],
            std: vec![1.0],
        };
        let times = (0..5).map(|t| f64::from(t) * 5.0).collect();
        let movie = recording(FIVE, Some(0.2), Some(times), &[]);
        let sampling = Sampling::new(&movie, &[0, 1, 2, 3, 4], Calibration::default(), &spec).unwrap();
        assert_eq!((sampling.frames, sampling.ratio), (vec![0, 1, 2, 3, 4], 1.0));
        assert_eq!(sampling.mismatch, Mismatch::default());
    }

    #[test]
    fn channels_are_found_by_name_and_colours_by_their_role() {
        let shape = Shape { c: 2, ..FIVE };
        let two = recording(shape, None, None, &["Hoechst", "TMRM (simulated)"]);
        let roles = ["mitochondria".to_owned(), "nucleus".to_owned()];
        assert_eq!(pick_channels(&two, &roles), [(1, 0), (0, 0)]);
        let colour = recording(Shape { s: 3, ..FIVE }, None, None, &[]);
        assert_eq!(pick_channels(&colour, &roles), [(0, 0), (0, 2)]);
        assert_eq!(pick_channels(&recording(FIVE, None, None, &[]), &roles), [(0, 0), (0, 0)]);
        let joined = recording(Shape { s: 3, ..shape }, None, None, &["dapi", "tmrm"]);
        assert_eq!(pick_channels(&joined, &roles), [(1, 0), (0, 2)], "colour files side by side");
        let joined = recording(Shape { s: 3, ..shape }, None, None, &["first", "second"]);
        assert_eq!(pick_channels(&joined, &roles), [(0, 0), (1, 2)]);
    }

    #[test]
    fn each_role_is_had_by_one_channel() {
        let names = ["actin", "dapi", "tmrm", "mitotracker"].map(str::to_owned);
        assert_eq!(roles(&names), [None, Some("nucleus"), Some("mitochondria"), None]);
        assert_eq!(roles(&[]), []);
    }

    #[test]
    fn a_nucleus_is_told_by_its_stain_before_it_is_told_by_dna() {
        let nucleus = |names: &[&str]| {
            let shape = Shape { c: names.len(), ..FIVE };
            pick_channels(&recording(shape, None, None, names), &["x".into(), "nucleus".into()])[1].0
        };
        assert_eq!(nucleus(&["DNA damage (gH2AX)", "actin", "DAPI"]), 2);
        assert_eq!(nucleus(&["actin", "tubulin", "SiR-DNA"]), 2);
        assert_eq!(nucleus(&["mtDNA", "actin", "tubulin"]), 1, "by its place: mtDNA is no nucleus");
        assert_eq!(nucleus(&["mtDNA", "actin", "dna"]), 2);
    }
}
