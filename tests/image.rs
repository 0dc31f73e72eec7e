//! Pictures in files.
#![cfg(feature = "image")]

use kiln::{DType, Device, Error, Shape, Tensor, io::image};

fn ramp(shape: [usize; 3], dtype: DType) -> Tensor {
    let numel = shape.iter().product::<usize>();
    let values: Vec<u8> = (0..numel).map(|i| (i * 79 % 256) as u8).collect();
    Tensor::from_vec(values, shape, &Device::cpu()).unwrap().to_dtype(dtype)
}

#[test]
fn png_keeps_every_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    for channels in 1..=4 {
        for dtype in [DType::U8, DType::U16] {
            let x = ramp([5, 3, channels], dtype);
            image::save(&path, &x).unwrap();
            let y = image::open(&path).unwrap();
            assert_eq!((y.shape(), y.dtype()), (x.shape(), dtype));
            assert_eq!(
                y.to_dtype(DType::I32).to_vec::<i32>().unwrap(),
                x.to_dtype(DType::I32).to_vec::<i32>().unwrap()
            );
            let bytes = image::to_png(&x).unwrap();
            assert_eq!(image::from_bytes(&bytes, image::Mode::Unchanged).unwrap().shape(), x.shape());
        }
    }
    // A transposed view, and no axis of channels.
    let x = ramp([4, 6, 1], DType::U8).reshape([4, 6]).unwrap().t();
    image::save(&path, &x).unwrap();
    let y = image::open_as(&path, image::Mode::Gray).unwrap();
    assert_eq!(y.shape(), &[6, 4, 1]);
    assert_eq!(y.to_vec::<u8>().unwrap(), x.to_vec::<u8>().unwrap());
}

#[test]
fn modes_and_jpeg() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jpg");
    let gray = Tensor::full([8, 8, 3], 100i64, DType::U8, &Device::cpu());
    image::save(&path, &gray).unwrap();
    for (mode, channels) in
        [(image::Mode::Unchanged, 3), (image::Mode::Gray, 1), (image::Mode::Rgb, 3), (image::Mode::Rgba, 4)]
    {
        let x = image::open_as(&path, mode).unwrap();
        assert_eq!(x.shape(), &[8, 8, channels]);
        assert!(x.to_vec::<u8>().unwrap().into_iter().all(|v| v == 255 || v.abs_diff(100) <= 2));
    }
}

#[test]
fn a_grid_has_its_pictures_in_rows() {
    let x = Tensor::arange(1, 13, 1, DType::F32, &Device::cpu()).unwrap().reshape([3, 1, 2, 2]).unwrap();
    let grid = image::make_grid(&x, 2, 1, 9.0).unwrap();
    #[rustfmt::skip]
    let want = [
        9., 9., 9., 9., 9., 9., 9.,
        9., 1., 2., 9., 5., 6., 9.,
        9., 3., 4., 9., 7., 8., 9.,
        9., 9., 9., 9., 9., 9., 9.,
        9., 9., 10., 9., 9., 9., 9.,
        9., 11., 12., 9., 9., 9., 9.,
        9., 9., 9., 9., 9., 9., 9.,
    ];
    assert_eq!(grid.shape(), &[1, 7, 7]);
    assert_eq!(grid.to_vec::<f32>().unwrap(), want);
    let empty = Tensor::zeros([0, 3, 2, 2], DType::F32, &Device::cpu());
    assert_eq!(image::make_grid(&empty, 2, 1, 0.0).unwrap().shape(), &[3, 1, 4]);
}

#[test]
fn what_is_no_picture_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    let cpu = Device::cpu();
    let of = |shape: &[usize], dtype| Tensor::zeros(Shape::from(shape), dtype, &cpu);
    for x in [of(&[3], DType::U8), of(&[2, 2, 5], DType::U8), of(&[0, 2, 3], DType::U8), of(&[2, 2, 3], DType::F32)] {
        assert!(image::save(&path, &x).is_err(), "{:?}", x.shape());
    }
    assert!(matches!(image::save(folder.path().join("x.txt"), &of(&[2, 2], DType::U8)), Err(Error::File { .. })));
    assert!(matches!(image::open(folder.path().join("missing.png")), Err(Error::File { .. })));
    std::fs::write(&path, b"\x89PNG\r\n\x1a\nbroken").unwrap();
    assert!(matches!(image::open(&path), Err(Error::File { .. })));
    assert!(matches!(image::from_bytes(&[], image::Mode::Rgb), Err(Error::Format { .. })));
    assert!(of(&[2, 2, 3], DType::F32).to_chw_f32().is_err());
}
