//! A screen in the folders of the Mito dataset:
//! `{l1,l2,l3}/{train,query,gallery}/<drug>/<cell>/1.jpg …` beside `annotation.xlsx`.
//!
//! JPEG as there: red = TMRM, green = nothing, blue = nucleus, masked to the cell. Eight bits with one scale for the
//! whole screen. Sets are the dataset's own, by cell within drug; natural compounds (`nc`) there are none.

use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use super::screen::Row;
use super::video::Region;
use super::{SimulateError, Simulation, Video, write_file};
use crate::analysis::image::Image;
use crate::export::ExportError;
use crate::random::{normal, stream};

/// Counts above the offset that become 255.
const FULL_COUNTS: f32 = 4000.0;

/// Brightness of a nucleus and its noise, of 255.
const NUCLEUS: [f32; 2] = [150.0, 6.0];

/// Quality of the JPEG files, of 100.
const QUALITY: u8 = 95;

/// Writes the frames of one cell.
pub fn write_video(screen: &Simulation, row: &Row, video: &Video) -> Result<(), SimulateError> {
    let drug = row.drug.map_or_else(|| "dmso".to_owned(), |drug| (drug + 1).to_string());
    let folder = screen.out.join(format!("l{}", row.replicate)).join(set(row)).join(drug).join(&row.row_id);
    std::fs::create_dir_all(&folder).map_err(|source| ExportError::Io { path: folder.clone(), source })?;
    let offset = screen.parameters.optics.offset_counts as f32;
    let nucleus = region(video, Region::Nucleus).blur(1.2);
    let mut rng = stream(screen.config.seed, &["nucleus", &row.row_id]);
    let size = video.size;
    for (index, counts) in video.frames.chunks_exact(size * size).enumerate() {
        let shift = video.positions[index].map(|um| (um / video.pixel_size_um).round() as isize);
        let mut rgb = vec![0; size * size * 3];
        for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
            let x = (i % size).checked_add_signed(-shift[0]).filter(|&x| x < size);
            let y = (i / size).checked_add_signed(-shift[1]).filter(|&y| y < size);
            let noise = NUCLEUS[1] * normal(&mut rng) as f32;
            let Some(at) = x.zip(y).map(|(x, y)| y * size + x) else { continue };
            if video.regions[at] == Region::Outside {
                continue;
            }
            let light = (f32::from(counts[i]) - offset) / FULL_COUNTS * 255.0;
            pixel[0] = light.clamp(0.0, 255.0) as u8;
            pixel[2] = (NUCLEUS[0] * nucleus.data[at] + noise).clamp(0.0, 255.0) as u8;
        }
        write_jpeg(&folder.join(format!("{}.jpg", index + 1)), &rgb, size)?;
    }
    Ok(())
}

/// The dataset's sets hold every drug: of five cells three are for training.
fn set(row: &Row) -> &'static str {
    ["train", "query", "train", "gallery", "train"][(row.number + 2 * row.replicate) % 5]
}

fn region(video: &Video, region: Region) -> Image {
    let data = video.regions.iter().map(|&r| f32::from(u8::from(r == region))).collect();
    Image { width: video.size, height: video.size, data }
}

fn write_jpeg(path: &Path, rgb: &[u8], size: usize) -> Result<(), ExportError> {
    let failed =
        |e: image::ImageError| ExportError::Content { path: path.to_owned(), problem: format!("{e}.") };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(rgb, size as u32, size as u32, ExtendedColorType::Rgb8)
        .map_err(failed)?;
    // The root says whether the screen is finished, so a frame need not reach the disk before the next begins.
    std::fs::write(path, bytes).map_err(|source| ExportError::Io { path: path.to_owned(), source })
}

/// Writes `annotation.xlsx`, and returns the root.
pub fn finish(screen: &Simulation) -> Result<PathBuf, SimulateError> {
    let path = screen.out.join("annotation.xlsx");
    let failed = |e: XlsxError| ExportError::Content { path: path.clone(), problem: format!("{e}.") };
    let bytes = annotation(screen).map_err(failed)?;
    write_file(&path, &bytes)?;
    Ok(screen.out.to_owned())
}

fn annotation(screen: &Simulation) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // Not when it was made, so that the same screen is the same bytes.
    let properties = DocProperties::new()
        .set_creation_datetime(&ExcelDateTime::from_ymd(2026, 1, 1)?)
        .set_comment(screen.provenance());
    book.set_properties(&properties);
    let sheet = book.add_worksheet();
    sheet.set_name("FDA-list")?;
    let head = ["index", "name", "moa_id", "common_moa", "moa_choose", "simulated"];
    sheet.write_row(0, 0, head)?;
    for (i, drug) in screen.drugs.iter().enumerate() {
        let row = i as u32 + 1;
        let moa = &screen.parameters.moas[drug.moa].name;
        sheet.write(row, 0, row)?;
        sheet.write(row, 1, &drug.name)?;
        sheet.write(row, 2, drug.moa as u32)?;
        sheet.write(row, 3, moa)?;
        sheet.write(row, 4, moa)?;
        sheet.write(row, 5, true)?;
    }
    let novel = book.add_worksheet();
    novel.set_name("Novel-list")?;
    novel.write_row(0, 0, ["index", "name", "cas"])?;
    book.save_to_buffer()
}
