//! The lines of both tables: what was asked about, and what could not be.

use std::collections::HashMap;

use super::tables::Source;
use crate::analysis::answers::Subjects;
use crate::analysis::items::Item;

/// Why a row has no answer, where nobody knows better: the window shows the table as it is now.
const LATER: &str = "not encoded: the row came after the model was run; encode the videos again";

/// A line of the videos' table.
pub(super) struct Video<'a> {
    pub subject: &'a Item,
    /// Among the subjects; `None` for a video that could not be encoded.
    pub place: Option<usize>,
    /// Why it could not; empty for one that was.
    pub flag: &'a str,
}

/// All rows that are not excluded, in the table's order.
pub(super) fn videos<'a>(subjects: &'a Subjects, source: &Source<'a>) -> Vec<Video<'a>> {
    let problems: HashMap<&str, &str> =
        source.problems.iter().map(|(row_id, why)| (row_id.as_str(), why.as_str())).collect();
    let asked = subjects.subjects.iter().enumerate();
    let asked = asked.map(|(place, subject)| Video { subject, place: Some(place), flag: "" });
    let flagged = subjects.unembedded.iter().map(|subject| Video {
        subject,
        place: None,
        flag: problems.get(subject.row_id.as_str()).copied().unwrap_or(LATER),
    });
    let mut lines: Vec<Video> = asked.chain(flagged).collect();
    lines.sort_by_key(|line| line.subject.row);
    lines
}

/// A line of the treatments' table.
pub(super) struct Treated {
    pub compound: usize,
    pub dose: Option<f64>,
    /// Among the treatments; `None` where none of its videos could be encoded.
    pub place: Option<usize>,
    /// Places in the subjects' list of mechanisms, ascending.
    pub moas: Vec<usize>,
    /// Its videos that could not be encoded.
    pub flagged: usize,
    /// Why nothing was asked about it; empty where something was.
    pub flag: String,
}

/// The treatments in their order, then those without any video that could be encoded, as they appear.
pub(super) fn treatments(subjects: &Subjects, videos: &[Video]) -> Vec<Treated> {
    let mut lines: Vec<Treated> = Vec::new();
    let mut places: HashMap<(usize, Option<u64>), usize> = HashMap::new();
    for (place, treatment) in subjects.treatments.iter().enumerate() {
        let key = treatment.subjects.first().and_then(|&video| subjects.subjects[video].treated());
        places.extend(key.map(|key| (key, place)));
        lines.push(Treated {
            compound: treatment.compound,
            dose: treatment.dose,
            place: Some(place),
            moas: subjects.compound_moas[treatment.compound].clone(),
            flagged: 0,
            flag: String::new(),
        });
    }
    for video in videos.iter().filter(|video| video.place.is_none()) {
        let Some(key) = video.subject.treated() else { continue };
        let next = lines.len();
        let place = *places.entry(key).or_insert(next);
        if place == next {
            lines.push(Treated {
                compound: key.0,
                dose: video.subject.dose,
                place: None,
                moas: subjects.compound_moas[key.0].clone(),
                flagged: 0,
                flag: format!("no video could be encoded; the first: {}", video.flag),
            });
        }
        let line = &mut lines[place];
        line.flagged += 1;
        if line.place.is_none() {
            line.moas.extend(&video.subject.moas);
            line.moas.sort_unstable();
            line.moas.dedup();
        }
    }
    lines
}
