//! Pictures in files.
#![cfg(all(feature = "image", feature = "npz"))]

use kiln::{
    Shape,
    data::{ImageFolder, Random},
    io::image::{self, Interpolation, Mode, Options, Size},
    prelude::*,
};

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
    let gray = Tensor::full([8, 8, 3], 100i64, DType::U8, &Device::cpu()).unwrap();
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

fn golden(name: &str) -> Tensor {
    let goldens = npz::open(concat!(env!("CARGO_MANIFEST_DIR"), "/goldens/pictures.npz")).unwrap();
    let x = goldens.get(name).unwrap();
    // Pillow's pictures of one channel have no axis for it.
    if x.rank() == 2 { x.unsqueeze(2).unwrap() } else { x }
}

fn picture(name: &str) -> String {
    format!("{}/data/pictures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn values(x: &Tensor) -> Vec<i32> {
    x.to_dtype(DType::I32).to_vec::<i32>().unwrap()
}

/// The largest difference of two pictures of one shape.
fn apart(x: &Tensor, y: &Tensor) -> i32 {
    assert_eq!(x.shape(), y.shape());
    values(x).iter().zip(values(y)).map(|(a, b)| (a - b).abs()).max().unwrap_or(0)
}

#[test]
fn pictures_are_those_of_pillow() {
    for name in ["rgb", "gray", "gray_alpha", "rgba", "palette", "bits", "gray16"] {
        let (x, y) = (image::open(picture(&format!("{name}.png"))).unwrap(), golden(name));
        assert_eq!(x.dtype(), y.dtype(), "{name}");
        assert_eq!(apart(&x, &y), 0, "{name}");
    }
    for name in ["rgb", "rgba", "gray_alpha"] {
        let x = image::open_as(picture(&format!("{name}.png")), image::Mode::Gray).unwrap();
        assert_eq!(apart(&x, &golden(&format!("{name}.L"))), 0, "{name}");
    }
    // Decoders of JPEG may round another way. The picture is not turned.
    let x = image::open(picture("sideways.jpg")).unwrap();
    assert!(apart(&x, &golden("sideways")) <= 2);
}

#[test]
fn jpegs_of_every_kind_are_those_of_pillow() {
    for name in ["baseline", "progressive", "restarts", "gray", "cmyk"] {
        let x = image::open(picture(&format!("{name}.jpg"))).unwrap();
        // Decoders may round another way; from CMYK, more often.
        let most = if name == "cmyk" { 6 } else { 3 };
        assert!(apart(&x, &golden(&format!("jpeg.{name}"))) <= most, "{name}");
    }
}

#[test]
fn a_jpeg_that_is_cut_off_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("class/x.jpg");
    std::fs::create_dir(root.path().join("class")).unwrap();
    for name in ["baseline", "progressive", "restarts", "gray", "cmyk"] {
        let whole = std::fs::read(picture(&format!("{name}.jpg"))).unwrap();
        // As Pillow: at every 5 %, and where the end marker is missing.
        let cuts = (1..20).map(|part| whole.len() * part / 20).chain([whole.len() - 2, whole.len() - 1]);
        for cut in cuts {
            let reason = image::from_bytes(&whole[..cut], Mode::Unchanged).unwrap_err().to_string();
            assert_eq!(reason, "image: the JPEG file is cut off: its end is missing", "{name} {cut}");
            std::fs::write(&path, &whole[..cut]).unwrap();
            for error in [
                image::open(&path).unwrap_err(),
                image::open_as(&path, Mode::Gray).unwrap_err(),
                ImageFolder::new(root.path()).unwrap().batch(&[0]).unwrap_err(),
            ] {
                assert_eq!(error.to_string(), reason.replace("image: ", &format!("{}: ", path.display())));
            }
        }
        // Previews, padding and fill bytes do no harm.
        let x = image::from_bytes(&whole, Mode::Unchanged).unwrap();
        let padded = [&whole[..2], &[0xff; 5], &whole[2..]].concat();
        let mut all = vec![padded];
        all.extend([&[0; 100][..], b"junk\xff\xd8", &whole].map(|more| [&whole[..], more].concat()));
        for bytes in all {
            assert_eq!(apart(&image::from_bytes(&bytes, Mode::Unchanged).unwrap(), &x), 0, "{name}");
        }
    }
}

#[test]
fn a_png_that_is_cut_off_is_refused() {
    for name in ["rgb", "index4", "gray16"] {
        let whole = std::fs::read(picture(&format!("{name}.png"))).unwrap();
        for part in 1..20 {
            let cut = &whole[..whole.len() * part / 20];
            assert!(image::from_bytes(cut, Mode::Unchanged).is_err(), "{name} {part}");
            assert!(image::from_bytes(cut, Mode::Index).is_err(), "{name} {part}");
        }
    }
}

#[test]
fn palettes_give_colours_or_indices() -> Result<()> {
    for bits in [1, 2, 4, 8] {
        for name in [format!("index{bits}"), format!("index{bits}_clear")] {
            let path = picture(&format!("{name}.png"));
            let indices = image::open_as(&path, Mode::Index)?;
            assert_eq!((indices.dtype(), apart(&indices, &golden(&format!("{name}.index")))), (DType::U8, 0), "{name}");
            assert_eq!(apart(&image::open(&path)?, &golden(&name)), 0, "{name}");
        }
    }
    // Grey is taken as it is stored.
    let bits = values(&image::open_as(picture("bits.png"), Mode::Index)?);
    assert_eq!(bits, values(&image::open(picture("bits.png"))?).iter().map(|v| v / 255).collect::<Vec<_>>());
    assert_eq!(apart(&image::open_as(picture("gray.png"), Mode::Index)?, &golden("gray")), 0);
    for name in ["rgb.png", "rgba.png", "gray_alpha.png", "gray16.png"] {
        let error = image::open_as(picture(name), Mode::Index).unwrap_err().to_string();
        assert!(error.contains("it has no palette"), "{name}: {error}");
    }
    let error = image::open_as(picture("gray.jpg"), Mode::Index).unwrap_err().to_string();
    assert!(error.contains("from PNG files alone"), "{error}");
    Ok(())
}

#[test]
fn a_transparent_colour_becomes_opacity() -> Result<()> {
    for name in ["gray_clear", "rgb_clear"] {
        assert_eq!(apart(&image::open(picture(&format!("{name}.png")))?, &golden(name)), 0, "{name}");
    }
    Ok(())
}

#[test]
fn the_limit_is_an_option() {
    // A picture that claims to be 60000 pixels high and wide.
    let mut claims = std::fs::read(picture("rgb.png")).unwrap();
    claims[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut crc = flate2::Crc::new();
    crc.update(&claims[12..29]);
    claims[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let error = image::from_bytes(&claims, Mode::Unchanged).unwrap_err().to_string();
    assert!(error.contains("60000 x 60000 pixels take 10800000000 bytes, more than the limit of 536870912"), "{error}");
    assert!(error.ends_with("`image::Options::max_bytes` raises it"), "{error}");
    for (name, bytes) in [("rgb.png", 13 * 19 * 3), ("gray16.png", 13 * 19 * 2), ("baseline.jpg", 48 * 64 * 3)] {
        let options = Options::new().max_bytes(bytes - 1);
        let error = options.open(picture(name)).unwrap_err().to_string();
        assert!(error.contains(&format!("take {bytes} bytes, more than the limit of {}", bytes - 1)), "{error}");
    }
    let options = Options::new().mode(Mode::Index).max_bytes(100);
    assert!(options.open(picture("index4.png")).unwrap_err().to_string().contains("take 247 bytes"));
    let root = folder();
    let small = ImageFolder::new(root.path()).unwrap().options(Options::new().max_bytes(100));
    assert!(small.batch(&[0]).unwrap_err().to_string().contains("6 x 8 pixels take 144 bytes"));
}

#[test]
fn other_formats_are_read_or_told() {
    let of = |name: &str| image::open(picture(name)).map(|x| apart(&x, &golden("rgb"))).map_err(|e| e.to_string());
    for (name, feature, is_on) in [
        ("other.webp", "image-webp", cfg!(feature = "image-webp")),
        ("other.bmp", "image-bmp", cfg!(feature = "image-bmp")),
        ("other.tiff", "image-tiff", cfg!(feature = "image-tiff")),
    ] {
        match of(name) {
            Ok(apart) => assert!(is_on && apart == 0, "{name}"),
            Err(error) => assert!(!is_on && error.contains(&format!("with the feature `{feature}`")), "{error}"),
        }
    }
    for (head, wanted) in [
        (&b"GIF89a\x01\0\x01\0"[..], "the file is a GIF picture: convert it to PNG"),
        (b"\0\0\0\x20ftypavif", "an AVIF or HEIC picture"),
        (b"\x93NUMPY\x01\x00", "an array of NumPy"),
        (b"<html><body>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"%PDF-1.4", "a PDF document"),
        (b"text", "it is no picture in a format that is known"),
    ] {
        let error = image::from_bytes(head, Mode::Rgb).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[cfg(feature = "image-tiff")]
#[test]
fn tiff_may_hold_floats() -> Result<()> {
    let x = image::open(picture("float.tiff"))?;
    assert_eq!((x.shape().dims(), x.dtype()), ([13, 19, 3].as_slice(), DType::F32));
    assert_eq!(apart(&(x * 255.0).round(), &golden("rgb")), 0);
    Ok(())
}

#[test]
fn resized_pictures_are_those_of_pillow() {
    for name in ["rgb", "gray", "gray_alpha", "rgba"] {
        let x = image::open(picture(&format!("{name}.png"))).unwrap();
        for [height, width] in [[7, 9], [26, 40], [5, 19], [1, 1], [13, 3]] {
            for (filter, interpolation) in [("NEAREST", Interpolation::Nearest), ("BILINEAR", Interpolation::Bilinear)]
            {
                let case = format!("{name}.{filter}.{height}.{width}");
                let (y, want) = (image::resize(&x, [height, width], interpolation).unwrap(), golden(&case));
                let channels = y.shape()[2];
                let has_alpha = channels.is_multiple_of(2);
                let off = |(got, want): (&[i32], &[i32])| {
                    // What is nearly transparent has hardly a colour.
                    let opacity = if has_alpha { want[channels - 1] } else { 255 };
                    let (colours, alphas) = (0..channels - usize::from(has_alpha), channels - 1);
                    let colour = colours.map(|c| (got[c] - want[c]).abs() * opacity / 255).max().unwrap_or(0);
                    colour.max((got[alphas] - want[alphas]).abs() * i32::from(has_alpha))
                };
                let (got, want) = (values(&y), values(&want));
                assert_eq!(got.len(), want.len());
                let off = got.chunks(channels).zip(want.chunks(channels)).map(off).max().unwrap_or(0);
                assert!(off <= i32::from(filter == "BILINEAR"), "{case} is off by {off}");
            }
        }
    }
}

#[test]
fn resized_floats_are_near_resized_bytes() -> Result<()> {
    let x = image::open(picture("rgb.png"))?;
    for (size, shape) in [(Size::from(8), [8, 11]), (Size::from([20, 30]), [20, 30]), (Size::from(1), [1, 1])] {
        for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
            let bytes = image::resize(&x, size, interpolation)?;
            assert_eq!(bytes.shape()[..2], shape);
            let floats = image::resize(&x.to_chw_f32()?, size, interpolation)?;
            let floats = (floats.permute([1, 2, 0])? * 255.0).round().to_dtype(DType::U8);
            assert!(apart(&bytes, &floats) <= 1, "{size:?} {interpolation:?}");
        }
    }
    // Tall pictures keep their ratio, too; stacks are resized one by one; 16 bits stay.
    let tall = Tensor::zeros([2, 19, 13, 1], DType::U16, &Device::cpu());
    assert_eq!(image::resize(&tall, 8, Interpolation::Bilinear)?.shape(), &[2, 11, 8, 1]);
    let deep = image::open(picture("gray16.png"))?;
    let small = image::resize(&deep, [1, 1], Interpolation::Bilinear)?.to_dtype(DType::F64).item::<f64>()?;
    let mean = deep.to_dtype(DType::F64).mean(())?.item::<f64>()?;
    assert!((small - mean).abs() < 6_000.0, "{small} {mean}");
    for (x, size) in [(tall.slice(1, 0, 0, 1)?, [2, 2]), (tall.clone(), [0, 2]), (tall.to_dtype(DType::I32), [2, 2])] {
        assert!(image::resize(&x, size, Interpolation::Nearest).is_err());
    }
    Ok(())
}

#[test]
fn parts_and_reflections() -> Result<()> {
    let bytes = ramp([4, 5, 2], DType::U8);
    let floats = bytes.to_dtype(DType::F32).permute([2, 0, 1])?;
    // The same of both layouts.
    let check = |f: &dyn Fn(&Tensor) -> Result<Tensor>| -> Result<Tensor> {
        let y = f(&bytes)?;
        let z = f(&floats)?.permute([1, 2, 0])?;
        assert_eq!((y.shape(), apart(&y, &z)), (z.shape(), 0));
        Ok(y)
    };
    let y = check(&|x| image::crop(x, 1, 2, [2, 3]))?;
    assert_eq!(values(&y), values(&bytes.narrow(0, 1, 2)?.narrow(1, 2, 3)?));
    // As in torchvision: halves go to the even neighbour.
    let y = check(&|x| image::center_crop(x, [1, 2]))?;
    assert_eq!(values(&y), values(&bytes.narrow(0, 2, 1)?.narrow(1, 2, 2)?));
    let y = check(&|x| image::hflip(x))?;
    assert_eq!(values(&y)[..2], values(&bytes)[8..10]);
    let y = check(&|x| image::vflip(x))?;
    assert_eq!(values(&y)[..2], values(&bytes)[30..32]);
    check(&|x| image::random_crop(x, [2, 2], &mut Random::new(3, 0)))?;
    check(&|x| image::random_hflip(x, 0.5, &mut Random::new(3, 1)))?;
    check(&|x| image::random_vflip(x, 0.5, &mut Random::new(3, 2)))?;
    assert!(image::crop(&bytes, 3, 0, [2, 2]).is_err());
    assert!(image::crop(&bytes, usize::MAX, 0, [2, 2]).is_err());
    assert!(image::center_crop(&bytes, [5, 5]).is_err());
    assert!(image::random_crop(&bytes, [5, 5], &mut Random::new(0, 0)).is_err());
    assert!(image::hflip(&bytes.reshape([8, 5])?).is_err());
    Ok(())
}

#[test]
fn channels_are_normalised() -> Result<()> {
    let x = Tensor::arange(0, 12, 1, DType::F32, &Device::cpu())?.reshape([3, 2, 2])?;
    let y = image::normalize(&x, &[1.0, 2.0, 3.0], &[0.5, 1.0, 2.0])?;
    assert_eq!(y.to_vec::<f32>()?, [-2.0, 0.0, 2.0, 4.0, 2.0, 3.0, 4.0, 5.0, 2.5, 3.0, 3.5, 4.0]);
    assert_eq!(image::normalize(&x.to_dtype(DType::F16), &[0.0; 3], &[1.0; 3])?.dtype(), DType::F16);
    assert!(image::normalize(&x, &[1.0], &[1.0]).is_err());
    assert!(image::normalize(&x, &[1.0; 3], &[1.0, 0.0, 1.0]).is_err());
    assert!(image::normalize(&x.to_dtype(DType::U8), &[1.0; 2], &[1.0; 2]).is_err());
    Ok(())
}

/// Two classes of pictures that are grey by their number.
fn folder() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (i, name) in ["b/0.png", "b/sub/1.PNG", "a/2.jpg", "a/3.jpeg", "a/4.png"].into_iter().enumerate() {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let x = Tensor::full([6, 8, 3], 20 * i as i64, DType::U8, &Device::cpu()).unwrap();
        image::save(path, &x).unwrap();
    }
    std::fs::write(root.path().join("a/notes.txt"), "no picture").unwrap();
    root
}

#[test]
fn folders_are_classes() -> Result<()> {
    let root = folder();
    let data = ImageFolder::new(root.path())?;
    assert_eq!((data.classes(), data.len()), (["a".to_owned(), "b".to_owned()].as_slice(), 5));
    let names: Vec<_> =
        data.samples().iter().map(|(path, class)| (path.file_name().unwrap().to_str().unwrap(), *class)).collect();
    assert_eq!(names, [("2.jpg", 0), ("3.jpeg", 0), ("4.png", 0), ("0.png", 1), ("1.PNG", 1)]);
    let (x, y) = data.batch(&[2, 4, 3])?;
    assert_eq!((x.shape().dims(), x.dtype()), ([3, 3, 6, 8].as_slice(), DType::F32));
    assert_eq!(y.to_vec::<i64>()?, [0, 1, 1]);
    let first = x.narrow(1, 0, 1)?.narrow(2, 0, 1)?.narrow(3, 0, 1)?.to_vec::<f32>()?;
    assert_eq!(first, [80.0 / 255.0, 20.0 / 255.0, 0.0]);
    let bytes = ImageFolder::new(root.path())?.mode(image::Mode::Gray).transform(Ok);
    let loader = DataLoader::new(bytes).batch_size(2).prefetch(2);
    let shapes: Vec<_> = loader.iter().map(|batch| batch.map(|(x, _)| *x.shape())).collect::<Result<_>>()?;
    assert_eq!(shapes, [[2, 6, 8, 1], [2, 6, 8, 1], [1, 6, 8, 1]].map(Shape::from));
    assert!(data.batch(&[5]).is_err());
    Ok(())
}

#[test]
fn hidden_files_are_no_samples_and_others_are_told() -> Result<()> {
    let root = folder();
    let x = Tensor::zeros([6, 8, 3], DType::U8, &Device::cpu());
    for name in [".hidden/0.png", "a/.thumbs/0.png", "b/._0.png"] {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::save(path, &x)?;
    }
    for name in [".DS_Store", "LICENSE", "b/sub/movie.mp4"] {
        std::fs::write(root.path().join(name), "no picture").unwrap();
    }
    let data = ImageFolder::new(root.path())?;
    assert_eq!((data.classes(), data.len()), (["a".to_owned(), "b".to_owned()].as_slice(), 5));
    let skipped = ["LICENSE", "a/notes.txt", "b/sub/movie.mp4"].map(|name| root.path().join(name));
    assert_eq!(data.skipped(), skipped);
    Ok(())
}

#[cfg(unix)]
#[test]
fn links_are_followed_unless_they_lead_back() -> Result<()> {
    use std::os::unix::fs::symlink;
    let (root, other) = (folder(), folder());
    symlink(other.path().join("b"), root.path().join("c")).unwrap();
    symlink(other.path().join("a"), root.path().join("a/more")).unwrap();
    symlink(other.path().join("a/4.png"), root.path().join("b/4.png")).unwrap();
    let data = ImageFolder::new(root.path())?;
    assert_eq!((data.classes().len(), data.len()), (3, 5 + 2 + 3 + 1));
    data.batch(&(0..data.len()).collect::<Vec<_>>())?;
    // The same folder twice is no circle; a link to a folder around it is one.
    symlink(root.path().join("b"), root.path().join("b/sub/back")).unwrap();
    let error = ImageFolder::new(root.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("b/sub/back: the link leads to "), "{error}");
    std::fs::remove_file(root.path().join("b/sub/back")).unwrap();
    symlink(root.path(), root.path().join("b/all")).unwrap();
    let error = ImageFolder::new(root.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("b/all: the link leads to "), "{error}");
    // A link to nothing is a file that cannot be read, or none at all.
    std::fs::remove_file(root.path().join("b/all")).unwrap();
    symlink(root.path().join("nothing"), root.path().join("b/gone")).unwrap();
    assert_eq!(ImageFolder::new(root.path())?.skipped().len(), 3);
    Ok(())
}

#[test]
fn random_transforms_follow_seed_and_epoch() -> Result<()> {
    let root = folder();
    let draws = |seed: u64, epochs: u64, size: usize| -> Result<Vec<f32>> {
        let data = ImageFolder::new(root.path())?
            .random_transform(seed, |x, random| Ok(x.to_dtype(DType::F64) * 0.0 + random.unit()))
            .transform(|x| {
                x.to_dtype(DType::F32).permute([2, 0, 1])?.narrow(1, 0, 1)?.narrow(2, 0, 1)?.narrow(0, 0, 1)
            });
        let loader = DataLoader::new(data).batch_size(size);
        loader.set_epoch(epochs);
        let batches = loader.iter().map(|batch| batch.and_then(|(x, _)| x.to_vec::<f32>()));
        Ok(batches.collect::<Result<Vec<_>>>()?.concat())
    };
    let first = draws(1, 0, 2)?;
    assert_eq!(first, draws(1, 0, 3)?);
    assert!(first.iter().zip(draws(1, 1, 2)?).all(|(a, b)| *a != b));
    assert!(first.iter().zip(draws(2, 0, 2)?).all(|(a, b)| *a != b));
    Ok(())
}

#[test]
fn folders_that_do_not_do_say_why() -> Result<()> {
    let root = folder();
    let reason =
        |result: Result<(Tensor, Tensor)>| result.map_or_else(|error| error.to_string(), |_| "no error".into());
    let path = root.path().join("a/5.png");
    image::save(&path, &Tensor::zeros([6, 9, 3], DType::U8, &Device::cpu()))?;
    let odd = reason(ImageFolder::new(root.path())?.batch(&[0, 3]));
    assert!(odd.starts_with(&path.display().to_string()) && odd.contains("[3, 6, 9], where"), "{odd}");
    std::fs::write(&path, b"broken").unwrap();
    let broken = reason(ImageFolder::new(root.path())?.batch(&[0, 3]));
    assert!(broken.starts_with(&path.display().to_string()), "{broken}");
    let strict = ImageFolder::new(root.path())?.transform(|x| image::center_crop(&x, [7, 7]));
    let small = reason(strict.batch(&[0]));
    assert!(small.contains("2.jpg: ") && small.contains("7 x 7 pixels"), "{small}");
    std::fs::create_dir(root.path().join("c")).unwrap();
    let error = ImageFolder::new(root.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("c: there is no picture (jpeg, jpg, png") && error.ends_with(") in it"), "{error}");
    std::fs::write(root.path().join("c/x.gif"), b"GIF89a").unwrap();
    std::fs::write(root.path().join("c/README"), b"none").unwrap();
    let error = ImageFolder::new(root.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.ends_with(") in it, but 1 .gif, 1 without an ending"), "{error}");
    std::fs::remove_dir_all(root.path().join("c")).unwrap();
    std::fs::create_dir(root.path().join("c")).unwrap();
    let error = ImageFolder::new(root.path().join("c")).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("every class has one of its own"), "{error}");
    assert!(ImageFolder::new(root.path().join("d")).is_err());
    Ok(())
}
