//! Pictures: PNG and JPEG files to tensors and back, and what is done to them before a network sees them. WebP, BMP and
//! TIFF files are read with the features `image-webp`, `image-bmp` and `image-tiff`.
//!
//! A picture is `[.., height, width, channels]` of integers, as [`open`] reads it, or `[.., channels, height, width]` of
//! floats, as [`to_chw_f32`](Tensor::to_chw_f32) makes of it. Functions that change pictures take either, and have the
//! names of torchvision.
//!
//! ```
//! # use kiln::prelude::*;
//! use kiln::io::image::{self, Interpolation};
//! # let picture = Tensor::zeros([40, 60, 3], DType::U8, &Device::cpu());
//! let x = image::resize(&picture, 32, Interpolation::Bilinear)?;
//! let x = image::center_crop(&x, [28, 28])?.to_chw_f32()?;
//! let x = image::normalize(&x, &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225])?;
//! assert_eq!(x.shape(), &[3, 28, 28]);
//! # Ok::<(), kiln::Error>(())
//! ```
//!
//! What a file says of the camera's orientation is left alone, as in Pillow.

mod jpeg;
mod png;
mod read;
mod resize;
mod transform;

use std::path::Path;

use image::{DynamicImage, ImageFormat};

use self::read::reason;
pub use self::read::{Mode, Options, from_bytes, open, open_as};
pub use resize::{Interpolation, Size, resize};
pub use transform::{center_crop, crop, hflip, normalize, random_crop, random_hflip, random_vflip, vflip};

use crate::{DType, Error, Result, Tensor};

/// Writes a picture, as PNG or JPEG by the name's ending: `U8` (PNG also `U16`) of shape `[height, width]` or
/// `[height, width, channels]` with 1 to 4 channels (grey, grey and opacity, RGB, RGBA; JPEG: 1 or 3).
///
/// Floats are refused, because nobody can know their range: `(x * 255.0).clamp(0, 255)` and `to_dtype(DType::U8)` make
/// bytes of the range 0 to 1.
///
/// # Errors
/// If shape or dtype are others, the ending is unknown, a device fails, or the file cannot be written.
pub fn save(path: impl AsRef<Path>, picture: &Tensor) -> Result<()> {
    let path = path.as_ref();
    let failed = |reason: String| Error::file(path, reason);
    let format = ImageFormat::from_path(path).ok().filter(|f| matches!(f, ImageFormat::Png | ImageFormat::Jpeg));
    let format = format.ok_or_else(|| failed("the name must end in .png, .jpg or .jpeg".into()))?;
    dynamic(picture)?.save_with_format(path, format).map_err(|error| failed(reason(&error)))
}

/// A picture as the bytes of a PNG file. See [`save`] for what it may be.
///
/// # Errors
/// If shape or dtype do not suit, or a device fails.
pub fn to_png(picture: &Tensor) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    match dynamic(picture)?.write_to(&mut bytes, ImageFormat::Png) {
        Ok(()) => Ok(bytes.into_inner()),
        Err(error) => Err(Error::format("png", reason(&error))),
    }
}

/// Pictures `[count, channels, height, width]` side by side in one, `[channels, ..]`, as torchvision's `make_grid`:
/// `columns` in a row, `gap` pixels of `value` between and around them.
///
/// # Errors
/// If the shape is another one, or `columns` is 0.
///
/// ```
/// # use kiln::prelude::*;
/// let digits = Tensor::ones([10, 1, 28, 28], DType::F32, &Device::cpu());
/// let grid = kiln::io::image::make_grid(&digits, 4, 2, 0.0)?;
/// assert_eq!(grid.shape(), &[1, 3 * 30 + 2, 4 * 30 + 2]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn make_grid(pictures: &Tensor, columns: usize, gap: usize, value: f64) -> Result<Tensor> {
    let op = "make_grid";
    let [count, channels, height, width] = pictures.shape()[..] else {
        return Err(Error::shape(op, pictures.shape(), "pictures are [count, channels, height, width]"));
    };
    if columns == 0 {
        return Err(Error::argument(op, "there must be a column"));
    }
    let columns = columns.min(count.max(1));
    let rows = count.div_ceil(columns);
    // What the frames leave free has no value of its own: the offset moves the frames' zeros to `value`.
    let value = Tensor::full((), value, pictures.dtype(), pictures.device())?;
    let (high, wide) = (height + gap, width + gap);
    let grid = (pictures - &value).pad(&[(0, rows * columns - count), (0, 0), (gap, 0), (gap, 0)])?;
    let grid = grid.reshape([rows, columns, channels, high, wide])?.permute([2, 0, 3, 1, 4])?;
    let grid = grid.reshape([channels, rows * high, columns * wide])?.pad(&[(0, 0), (0, gap), (0, gap)])?;
    Ok((grid + value).to_dtype(pictures.dtype()))
}

impl Tensor {
    /// A picture `[.., height, width, channels]` of integers as `F32` of the range 0 to 1 in `[.., channels, height,
    /// width]`, as torchvision's `to_tensor`: `U8` is divided by 255, `U16` by 65535.
    ///
    /// # Errors
    /// If the rank is below 3, or the dtype is neither `U8` nor `U16`.
    pub fn to_chw_f32(&self) -> Result<Tensor> {
        let op = "to_chw_f32";
        let largest = match self.dtype() {
            DType::U8 => 255.0,
            DType::U16 => 65_535.0,
            dtype => return Err(Error::dtype(op, dtype, "the values of a picture are u8 or u16")),
        };
        let rank = self.rank() as isize;
        if rank < 3 {
            return Err(Error::shape(op, self.shape(), "a picture is [height, width, channels]"));
        }
        let mut order: Vec<isize> = (0..rank - 3).collect();
        order.extend([rank - 1, rank - 3, rank - 2]);
        Ok((self.permute(&order)?.to_dtype(DType::F32) / largest).contiguous())
    }
}

fn dynamic(picture: &Tensor) -> Result<DynamicImage> {
    let op = "image";
    let wrong = || Error::shape(op, picture.shape(), "a picture is [height, width] or [height, width, 1 to 4]");
    let (height, width, channels) = match picture.shape()[..] {
        [height, width] => (height, width, 1),
        [height, width, channels @ 1..=4] => (height, width, channels),
        _ => return Err(wrong()),
    };
    let size = |n: usize| u32::try_from(n).ok().filter(|&n| n > 0).ok_or_else(wrong);
    let (height, width) = (size(height)?, size(width)?);
    macro_rules! picture {
        ($element:ty, $($channels:literal $variant:ident),*) => {{
            let values = picture.to_vec::<$element>()?;
            match channels {
                $($channels => image::ImageBuffer::from_raw(width, height, values).map(DynamicImage::$variant),)*
                _ => None,
            }
        }};
    }
    let made = match picture.dtype() {
        DType::U8 => picture!(u8, 1 ImageLuma8, 2 ImageLumaA8, 3 ImageRgb8, 4 ImageRgba8),
        DType::U16 => picture!(u16, 1 ImageLuma16, 2 ImageLumaA16, 3 ImageRgb16, 4 ImageRgba16),
        dtype => return Err(Error::dtype(op, dtype, "a picture is stored as u8 or u16")),
    };
    made.ok_or_else(wrong)
}
