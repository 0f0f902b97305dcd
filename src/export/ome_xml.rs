//! The OME-XML of an OME-TIFF: <https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html>.

use std::fmt::Write;

use super::ome_tiff::MovieMeta;
use super::xml::escape;
use crate::video::SampleType;

/// Describes a movie whose planes are stored in canonical order, the missing ones left out.
/// ASCII alone, as a TIFF tag wants it: everything else is a character reference.
pub fn ome_xml(meta: &MovieMeta) -> String {
    let mut xml = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" ",
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" ",
        "xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06 ",
        "http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\" ",
        "Creator=\"MolCLIP Studio ",
        env!("CARGO_PKG_VERSION"),
        "\">\n"
    ));
    // Writing to a string cannot fail.
    let _ = write_image(&mut xml, meta);
    xml.push_str("</OME>\n");
    xml
}

fn write_image(xml: &mut String, meta: &MovieMeta) -> std::fmt::Result {
    let shape = meta.shape;
    writeln!(xml, "<Image ID=\"Image:0\" Name=\"{}\">", ascii(&meta.name))?;
    if let Some(description) = &meta.description {
        writeln!(xml, "<Description>{}</Description>", ascii(description))?;
    }
    write!(
        xml,
        "<Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"{}\" SizeX=\"{}\" SizeY=\"{}\" SizeC=\"{}\" \
         SizeZ=\"{}\" SizeT=\"{}\" BigEndian=\"{}\" Interleaved=\"{}\"",
        pixel_type(meta.dtype),
        shape.x,
        shape.y,
        shape.c * shape.s,
        shape.z,
        shape.t,
        cfg!(target_endian = "big"),
        shape.s > 1,
    )?;
    if let Some(size) = meta.pixel_size_um {
        write!(xml, " PhysicalSizeX=\"{size}\" PhysicalSizeXUnit=\"&#181;m\"")?;
        write!(xml, " PhysicalSizeY=\"{size}\" PhysicalSizeYUnit=\"&#181;m\"")?;
    }
    if let Some(step) = meta.z_step_um {
        write!(xml, " PhysicalSizeZ=\"{step}\" PhysicalSizeZUnit=\"&#181;m\"")?;
    }
    if let Some(interval) = meta.interval_s {
        write!(xml, " TimeIncrement=\"{interval}\" TimeIncrementUnit=\"s\"")?;
    }
    xml.push_str(">\n");
    for c in 0..shape.c {
        write!(xml, "<Channel ID=\"Channel:0:{c}\" SamplesPerPixel=\"{}\"", shape.s)?;
        let channel = meta.channels.get(c).cloned().unwrap_or_default();
        if let Some(name) = &channel.name {
            write!(xml, " Name=\"{}\"", ascii(name))?;
        }
        if let Some([r, g, b]) = channel.color {
            // OME packs RGBA into a signed number.
            write!(xml, " Color=\"{}\"", i32::from_be_bytes([r, g, b, 255]))?;
        }
        xml.push_str("/>\n");
    }
    write_data(xml, meta)?;
    write_times(xml, meta)?;
    xml.push_str("</Pixels>\n</Image>\n");
    Ok(())
}

/// Which directory holds which plane.
fn write_data(xml: &mut String, meta: &MovieMeta) -> std::fmt::Result {
    let planes = meta.shape.planes();
    if meta.written_planes() == planes {
        return writeln!(xml, "<TiffData IFD=\"0\" PlaneCount=\"{planes}\"/>");
    }
    for (ifd, plane) in (0..planes).filter(|&plane| !meta.is_missing(plane)).enumerate() {
        let (t, z, c) = meta.position(plane);
        writeln!(
            xml,
            "<TiffData IFD=\"{ifd}\" FirstT=\"{t}\" FirstZ=\"{z}\" FirstC=\"{c}\" PlaneCount=\"1\"/>"
        )?;
    }
    Ok(())
}

fn write_times(xml: &mut String, meta: &MovieMeta) -> std::fmt::Result {
    let Some(times) = &meta.plane_times_s else { return Ok(()) };
    for (plane, seconds) in times.iter().enumerate().take(meta.shape.planes()) {
        if seconds.is_finite() {
            let (t, z, c) = meta.position(plane);
            writeln!(
                xml,
                "<Plane TheT=\"{t}\" TheZ=\"{z}\" TheC=\"{c}\" DeltaT=\"{seconds}\" DeltaTUnit=\"s\"/>"
            )?;
        }
    }
    Ok(())
}

fn pixel_type(dtype: SampleType) -> &'static str {
    match dtype {
        // OME knows no half precision; such planes are written as float.
        SampleType::F16 | SampleType::F32 => "float",
        SampleType::F64 => "double",
        other => other.name(),
    }
}

/// [`escape`], and character references for what is not ASCII and for line ends, which attributes do not keep.
fn ascii(text: &str) -> String {
    let line = |line: &str| {
        let mut out = String::with_capacity(line.len());
        for c in escape(line).chars() {
            if c.is_ascii() {
                out.push(c);
            } else {
                // Writing to a string cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
        }
        out
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("&#10;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_ascii_is_a_reference() {
        assert_eq!(ascii("5 \u{b5}M < \"A&B\"\nnext\u{7}"), "5 &#181;M &lt; &quot;A&amp;B&quot;&#10;next ");
        let meta = format!("<a b=\"{}\"/>", ascii("\u{3b1}-tubulin\n\u{1f52c}"));
        let read = roxmltree::Document::parse(&meta).unwrap();
        assert_eq!(read.root_element().attribute("b"), Some("\u{3b1}-tubulin\n\u{1f52c}"));
    }
}
