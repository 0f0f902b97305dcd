//! What all encoders have in common.

use burn::tensor::TensorData;

use super::resnet3d::tests::noise;
use super::*;

#[test]
fn images_of_one_frame_have_features_and_gradients() {
    let shape: [usize; 5] = [2, 2, 1, 32, 32];
    for config in [
        EncoderConfig::Light(LightConfig { dim: 16, ..LightConfig::usual(1) }),
        EncoderConfig::Resnet3d18 { width: 4 },
        EncoderConfig::Resnet3d50 { width: 4 },
    ] {
        config.check(1, 32).unwrap();
        let layers = config.layers(2, 1, 32);
        assert!(layers.iter().all(|layer| layer.output.iter().all(|length| *length > 0)), "{config:?}");
        for device in [Device::flex(), Device::flex().autodiff()] {
            let net = VideoEncoder::new(&config, 2, &device);
            let values = noise(shape.iter().product(), 3);
            let images = Tensor::<5>::from_data(TensorData::new(values, shape), &device);
            let images = if device.is_autodiff() { images.require_grad() } else { images };
            let features = net.forward(images.clone());
            assert_eq!(features.dims(), [2, config.features()]);
            let values: Vec<f32> = features.clone().into_data().try_to_vec().unwrap();
            let (first, second) = values.split_at(config.features());
            assert!(values.iter().all(|value| value.is_finite()) && first != second, "{config:?}");
            if device.is_autodiff() {
                let gradients = (features.clone() * features).sum().backward();
                let gradient: Vec<f32> = images.grad(&gradients).unwrap().into_data().try_to_vec().unwrap();
                assert!(gradient.iter().all(|value| value.is_finite()), "{config:?}");
            }
        }
    }
}

#[test]
fn usual_sizes_fit_any_number_of_frames() {
    for entry in &ENCODERS {
        for frames in [1, 2, 3, 4, 5, 16] {
            let config = (entry.usual)(frames);
            assert_eq!(config.check(frames, entry.input.0), Ok(()), "{}, {frames} frames", entry.name);
        }
        let video = (entry.usual)(16);
        assert!(video.check(0, entry.input.0).unwrap_err().contains("at least one"), "{}", entry.name);
        assert!(video.check(16, 4).is_err(), "{}", entry.name);
    }
    let text = LightConfig::usual(4).check(1, 64).unwrap_err();
    assert!(text.starts_with("tubelets of 4 × 4 × 4 leave no tokens in 1 frames of 64 px."), "{text}");
}

#[test]
fn sizes_are_written_as_they_always_were_and_nothing_else_is_read() {
    let text = r#"{"name":"light","tubelet":[4,4,4],"dim":48,"depths":[1,2,2]}"#;
    let light = EncoderConfig::named("light", 16).unwrap();
    assert_eq!(serde_json::to_string(&light).unwrap(), text);
    assert_eq!(serde_json::from_str::<EncoderConfig>(text).unwrap(), light);
    let text = r#"{"name":"resnet3d-18","width":64}"#;
    assert_eq!(serde_json::to_string(&EncoderConfig::named("resnet3d-18", 1).unwrap()).unwrap(), text);
    for wrong in [
        r#"{"name":"light","tubelet":[4,4,4],"dim":48,"depths":[1],"width":3}"#,
        r#"{"name":"light","tubelet":[4,4,4],"dim":48}"#,
        r#"{"name":"resnet3d-18","width":4,"dim":8}"#,
        r#"{"name":"resnet50","width":4}"#,
    ] {
        assert!(serde_json::from_str::<EncoderConfig>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_encoder_of_another_width_is_of_the_same_kind() {
    for (name, depth) in
        [("light", None), ("resnet3d-18", Some(Depth::Eighteen)), ("resnet3d-50", Some(Depth::Fifty))]
    {
        let usual = EncoderConfig::named(name, 16).unwrap();
        let narrow = usual.clone().with_width(16);
        assert_eq!(narrow.name(), name);
        assert!(narrow.features() < usual.features(), "{name}");
        assert_eq!(narrow.resnet3d(), depth.map(|depth| (depth, 16)), "{name}");
    }
}
