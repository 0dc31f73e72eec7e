//! Reading pictures.

use std::{fs, io::Cursor, path::Path};

use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Luma, RgbImage, guess_format,
};

use super::{jpeg, png};
use crate::{
    Device, Error, Result, Shape, Tensor,
    io::magic::{self, HEAD},
};

/// The formats that are read.
const FORMATS: &[ImageFormat] = &[
    ImageFormat::Png,
    ImageFormat::Jpeg,
    #[cfg(feature = "image-webp")]
    ImageFormat::WebP,
    #[cfg(feature = "image-bmp")]
    ImageFormat::Bmp,
    #[cfg(feature = "image-tiff")]
    ImageFormat::Tiff,
];

/// Which channels a picture is read with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Those of the file, in its depth: grey, grey and opacity, RGB, or RGBA of `U8`; of `U16` where a PNG or TIFF file
    /// has 16 bits, of `F32` where the colours of a TIFF
    /// file are floats.
    ///
    /// What has no channels of its own gets them: the places in a palette become the colours there (RGB, or RGBA if some
    /// are transparent), grey of 1, 2 or 4 bits becomes 0 to 255, one transparent colour of a PNG file becomes opacity,
    /// and CMYK becomes RGB.
    #[default]
    Unchanged,
    /// One channel of grey, `U8`: of colours 0.299 red, 0.587 green and 0.114 blue, as Pillow's `L`.
    Gray,
    /// Red, green, blue, `U8`.
    Rgb,
    /// Red, green, blue, opacity, `U8`.
    Rgba,
    /// One channel, `U8`, of what a PNG file with a palette stores: the places in the palette, such as the classes of a
    /// segmentation mask. Grey of up to 8 bits is taken as it is stored, too: 0 and 1 of one bit. Other files are an
    /// error.
    Index,
}

/// How pictures are read.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::io::image::{self, Mode, Options};
/// # let path = std::env::temp_dir().join(format!("kiln-doc-options-{}.png", std::process::id()));
/// # image::save(&path, &Tensor::zeros([4, 5, 3], DType::U8, &Device::cpu()))?;
/// let x = Options::new().mode(Mode::Gray).open(&path)?;
/// assert_eq!(x.shape(), &[4, 5, 1]);
/// let error = Options::new().max_bytes(10).open(&path).unwrap_err().to_string();
/// assert!(error.contains("4 x 5 pixels take 60 bytes, more than the limit of 10"), "{error}");
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    mode: Mode,
    max_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: Mode::Unchanged, max_bytes: 512 << 20 }
    }
}

impl Options {
    /// The file's own channels, and at most 512 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// The channels, [`Mode::Unchanged`] at first.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The most bytes that the pixels of the file may take, 512 MiB at first: a small file can claim to be a large
    /// picture.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Reads a file as `[height, width, channels]` on the CPU.
    ///
    /// # Errors
    /// If the file cannot be read, is cut off or broken, is larger than the limit, or holds no picture in a format that
    /// is known.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Tensor> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|error| Error::file_from(path, error))?;
        self.read(&bytes).map_err(|reason| Error::file(path, reason))
    }

    /// Reads the contents of a file as `[height, width, channels]` on the CPU.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(&self, bytes: &[u8]) -> Result<Tensor> {
        self.read(bytes).map_err(|reason| Error::format("image", reason))
    }

    fn read(&self, bytes: &[u8]) -> Result<Tensor, String> {
        let guessed = guess_format(bytes).ok().filter(|format| FORMATS.contains(format));
        let format = guessed.ok_or_else(|| {
            let other = magic::other(&bytes[..bytes.len().min(HEAD)], &[]);
            other.unwrap_or_else(|| "it is no picture in a format that is known".into())
        })?;
        if format == ImageFormat::Jpeg && !jpeg::is_whole(bytes) {
            return Err("the JPEG file is cut off: its end is missing".into());
        }
        let device = Device::cpu();
        let failed = |error: Error| error.to_string();
        if self.mode == Mode::Index {
            if format != ImageFormat::Png {
                return Err("indices into a palette are read from PNG files alone".into());
            }
            let ([height, width], indices) = png::indices(bytes, self.max_bytes)?;
            return Tensor::from_vec(indices, [height, width, 1], &device).map_err(failed);
        }
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(decoder_limit(self.max_bytes) as u64);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(|error| reason(&error))?;
        let (width, height) = decoder.dimensions();
        let colour = decoder.color_type();
        let channels = usize::from(colour.channel_count());
        let width_of_channel = usize::from(colour.bytes_per_pixel()) / channels;
        within(self.max_bytes, [height as usize, width as usize], channels, width_of_channel)?;
        let picture = DynamicImage::from_decoder(decoder).map_err(|error| reason(&error))?;
        tensor(picture, self.mode).map_err(failed)
    }
}

/// The bytes that a decoder may allocate: those of the pixels, and buffers of its own, which even a small picture needs.
pub(super) fn decoder_limit(pixels: usize) -> usize {
    pixels.saturating_add(1 << 20)
}

/// Refuses what takes more bytes than the limit.
pub(super) fn within(limit: usize, [height, width]: [usize; 2], channels: usize, size: usize) -> Result<(), String> {
    let bytes = height as u128 * width as u128 * (channels * size) as u128;
    if bytes <= limit as u128 {
        return Ok(());
    }
    let hint = "`image::Options::max_bytes` raises it";
    Err(format!("its {height} x {width} pixels take {bytes} bytes, more than the limit of {limit}; {hint}"))
}

/// Reads a PNG or JPEG file as `[height, width, channels]` on the CPU, with the file's own channels and depth.
///
/// # Errors
/// If the file cannot be read, is cut off or broken, or holds no picture in a format that is known; also if its pixels
/// take more than 512 MiB, a limit that [`Options::max_bytes`] changes.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::io::image;
/// # let path = std::env::temp_dir().join(format!("kiln-doc-{}.png", std::process::id()));
/// let red = Tensor::from_slice(&[255u8, 0, 0, 200, 0, 0], [1, 2, 3], &Device::cpu())?;
/// image::save(&path, &red)?;
/// let x = image::open(&path)?;
/// assert_eq!((x.shape().dims(), x.dtype()), ([1, 2, 3].as_slice(), DType::U8));
/// assert_eq!(x.to_chw_f32()?.shape(), &[3, 1, 2]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<Tensor> {
    open_as(path, Mode::Unchanged)
}

/// Reads a PNG or JPEG file with the channels that are asked for.
///
/// # Errors
/// As [`open`].
pub fn open_as(path: impl AsRef<Path>, mode: Mode) -> Result<Tensor> {
    Options::new().mode(mode).open(path)
}

/// Reads a picture from the bytes of a PNG or JPEG file.
///
/// # Errors
/// If the bytes are cut off or broken, or no picture in a format that is known.
pub fn from_bytes(bytes: &[u8], mode: Mode) -> Result<Tensor> {
    Options::new().mode(mode).from_bytes(bytes)
}

fn tensor(picture: DynamicImage, mode: Mode) -> Result<Tensor> {
    let picture = match mode {
        Mode::Unchanged | Mode::Index => picture,
        Mode::Gray if picture.color().has_color() => luma(&picture.into_rgb8()).into(),
        Mode::Gray => picture.into_luma8().into(),
        Mode::Rgb => picture.into_rgb8().into(),
        Mode::Rgba => picture.into_rgba8().into(),
    };
    let channels = picture.color().channel_count() as usize;
    let shape = Shape::from([picture.height() as usize, picture.width() as usize, channels]);
    let device = Device::cpu();
    match picture {
        DynamicImage::ImageLuma16(p) => Tensor::from_vec(p.into_raw(), shape, &device),
        DynamicImage::ImageLumaA16(p) => Tensor::from_vec(p.into_raw(), shape, &device),
        DynamicImage::ImageRgb16(p) => Tensor::from_vec(p.into_raw(), shape, &device),
        DynamicImage::ImageRgba16(p) => Tensor::from_vec(p.into_raw(), shape, &device),
        DynamicImage::ImageRgb32F(p) => Tensor::from_vec(p.into_raw(), shape, &device),
        DynamicImage::ImageRgba32F(p) => Tensor::from_vec(p.into_raw(), shape, &device),
        picture => Tensor::from_vec(picture.into_bytes(), shape, &device),
    }
}

/// Grey by the weights of ITU-R 601, as Pillow and OpenCV have it; those of the `image` crate are others.
fn luma(picture: &RgbImage) -> GrayImage {
    let [r, g, b] = [19_595, 38_470, 7_471];
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue] = picture.get_pixel(x, y).0.map(u32::from);
        Luma([((r * red + g * green + b * blue + (1 << 15)) >> 16) as u8])
    })
}

/// What was wrong, without the crate's own name for the format.
pub(super) fn reason(error: &ImageError) -> String {
    match error {
        ImageError::IoError(error) => error.to_string(),
        error => error.to_string().to_lowercase(),
    }
}
