//! Parts and grey levels against scikit-image and mahotas: `tests/fixtures/biomarkers`.

use serde_json::Value;

use super::super::form::Part;
use super::super::texture::grey;
use crate::analysis::image::Mask;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../../tests/fixtures/biomarkers/forms.json")).unwrap()
}

fn rows(value: &Value) -> String {
    value.as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn parts_have_the_area_perimeter_and_axes_of_regionprops() {
    let fixture = fixture();
    let width = number(&fixture["width"]) as usize;
    let data: Vec<bool> = rows(&fixture["mask"]).bytes().map(|byte| byte == b'#').collect();
    let mask = Mask { width, height: data.len() / width, data };
    let (label, sizes) = mask.parts();
    let parts = Part::all(&mask, &label, &sizes);
    let expected = fixture["parts"].as_array().unwrap();
    assert_eq!(parts.len(), expected.len());
    assert!(parts.len() > 5);
    for known in expected {
        let [x, y] = [0_usize, 1].map(|axis| number(&known["first"][axis]) as usize);
        let part = parts[label[y * width + x] as usize];
        assert_eq!(part.pixels, number(&known["area"]));
        assert!((part.perimeter - number(&known["perimeter"])).abs() < 1e-9, "{known}: {}", part.perimeter);
        for (axis, length) in part.axes().into_iter().enumerate() {
            assert!((length - number(&known["axes"][axis])).abs() < 1e-5, "{known}: {length}");
        }
    }
}

#[test]
fn grey_levels_have_the_contrast_correlation_and_entropy_of_mahotas() {
    let fixture = fixture();
    let width = number(&fixture["width"]) as usize;
    let text = rows(&fixture["levels"]);
    let levels: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    for known in fixture["grey"].as_array().unwrap() {
        let found = grey(&levels, width, number(&known["distance"]) as usize);
        for (value, name) in found.into_iter().zip(["contrast", "correlation", "entropy"]) {
            assert!((value - number(&known[name])).abs() < 1e-9, "{name}: {value} and {known}");
        }
    }
    assert_eq!(grey(&[3; 12], 4, 1), [0.0; 3], "of one level");
    assert_eq!(grey(&[1, 2], 2, 5), [0.0; 3], "wider than the picture");
}
