//! Usual names of the manifest's columns, and usual words for their values.

/// Usual names of a column, the surest first: lower case, letters and digits only, without unit.
pub(super) fn synonyms(column: &str) -> &'static [&'static str] {
    match column {
        "row_id" => &["id", "videoid", "recordingid", "sequenceid", "movieid", "imageid", "uid", "uuid"],
        "path" => &[
            "video",
            "videopath",
            "movie",
            "moviepath",
            "recording",
            "recordingpath",
            "file",
            "filename",
            "filepath",
            "image",
            "imagepath",
            "location",
            "uri",
            "url",
        ],
        "series" => &["seriesindex", "scene", "sceneindex", "imageseries"],
        "crop_x" => &["bboxx", "bboxleft", "cropleft", "left", "xmin"],
        "crop_y" => &["bboxy", "bboxtop", "croptop", "top", "ymin"],
        "crop_width" => &["cropw", "bboxwidth", "width"],
        "crop_height" => &["croph", "bboxheight", "height"],
        "pixel_size_um" => &[
            "pixelsize",
            "umperpixel",
            "umperpx",
            "umpx",
            "micronsperpixel",
            "micronperpixel",
            "mpp",
            "physicalsizex",
            "pixelsizex",
            "pixelwidth",
            "nmperpixel",
            "nmperpx",
            "resolution",
        ],
        "interval_s" => &[
            "interval",
            "frameinterval",
            "timeinterval",
            "timestep",
            "timeincrement",
            "dt",
            "deltat",
            "secondsperframe",
            "sperframe",
            "frametime",
            "minutesperframe",
        ],
        "plate" => &[
            "platebarcode",
            "plateid",
            "platename",
            "assayplatebarcode",
            "assayplate",
            "barcode",
            "platenumber",
            "plateno",
        ],
        "well" => {
            &["wellposition", "wellid", "wellname", "wellpos", "imagingwell", "well384", "well96", "position"]
        }
        "site" => &["field", "fov", "fieldofview", "fieldid", "siteid", "imagefield"],
        "cell" => &["cellid", "cellindex", "cellnumber", "trackid", "track", "objectnumber", "objectid"],
        "replicate" => &[
            "rep",
            "replicateid",
            "replicatenumber",
            "biologicalreplicate",
            "biorep",
            "repeat",
            "experiment",
        ],
        "cell_line" => &["celltype", "cellname", "cells"],
        "stain" => &["dye", "probe", "marker", "fluorophore", "staining"],
        "compound" => &[
            "compoundname",
            "drug",
            "drugname",
            "pertiname",
            "treatment",
            "treatmentname",
            "molecule",
            "moleculename",
            "chemical",
            "chemicalname",
            "substance",
            "agent",
            "inhibitor",
            "perturbation",
            "commonname",
            "name",
            "compoundid",
            "pertname",
            "broadsample",
            "sampleid",
        ],
        "smiles" => &[
            "canonicalsmiles",
            "isomericsmiles",
            "smilesstring",
            "compoundsmiles",
            "drugsmiles",
            "structure",
        ],
        "concentration_uM" => &[
            "concentration",
            "conc",
            "dose",
            "dosage",
            "compoundconcentration",
            "drugconcentration",
            "finalconcentration",
            "finalconc",
            "mmolesperliter",
            "cmpdconc",
        ],
        "moa" => &[
            "mechanismofaction",
            "mechanism",
            "mechanismsofaction",
            "commonmoa",
            "moaname",
            "moalabel",
            "moas",
            "moaclass",
            "drugclass",
            "modeofaction",
        ],
        "control" => &["controltype", "perttype", "iscontrol", "role", "welltype", "samplerole", "welltyp"],
        "split" => &["set", "subset", "partition", "datasplit", "fold"],
        "simulated" => &["issimulated", "synthetic", "issynthetic", "simulation"],
        _ => &[],
    }
}

/// The manifest's word for a value of `control` or `split` in other words: `Some("")` = empty. `None` = not known.
pub(super) fn word(column: &str, value: &str) -> Option<&'static str> {
    let simple: String = value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let known: &[(&str, &[&str])] = match column {
        "control" => &[
            (
                "negative",
                &[
                    "negative",
                    "neg",
                    "negcon",
                    "negativecontrol",
                    "negctrl",
                    "vehicle",
                    "ctlvehicle",
                    "dmso",
                    "untreated",
                    "ctluntrt",
                ],
            ),
            (
                "positive",
                &[
                    "positive",
                    "pos",
                    "poscon",
                    "positivecontrol",
                    "posctrl",
                    "poscondiverse",
                    "posconcp",
                    "posconorf",
                    "posconcrispr",
                ],
            ),
            (
                "",
                &[
                    "trt",
                    "trtcp",
                    "treatment",
                    "treated",
                    "test",
                    "compound",
                    "sample",
                    "drug",
                    "none",
                    "no",
                    "false",
                    "0",
                    "empty",
                ],
            ),
        ],
        "split" => &[
            ("train", &["train", "training", "trn"]),
            ("val", &["val", "valid", "validation", "dev"]),
            ("query", &["query", "queries"]),
            ("gallery", &["gallery", "reference"]),
            ("", &["none", "unused"]),
        ],
        _ => &[],
    };
    known.iter().find(|(_, words)| words.contains(&simple.as_str())).map(|(word, _)| *word)
}

/// True for the ways in which programs write that a value is missing. `None` and `NA` could be names, and are not here.
pub(super) fn is_missing(text: &str) -> bool {
    matches!(text, "" | "NaN" | "nan" | "#N/A" | "<NA>" | "NULL" | "null")
}

/// Further such ways where no name is expected: in numbers and vocabularies.
pub(super) fn is_missing_value(text: &str) -> bool {
    is_missing(text) || matches!(text, "NA" | "N/A" | "n/a" | "na" | "None" | "none" | "-" | "–" | "?" | ".")
}
