//! Pictures in other sizes.

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};

use super::transform::axes;
use crate::{
    DType, Error, Result, Shape, Tensor,
    nn::functional::{InterpolateMode, Target, interpolate},
};

/// How [`resize`] finds the pixels of the new picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The pixel whose middle is nearest.
    Nearest,
    /// Means on straight lines between neighbours, over as many pixels as one of the new picture covers: Pillow's
    /// `BILINEAR`, torchvision's with `antialias`.
    #[default]
    Bilinear,
}

/// The size of a picture that [`resize`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many pixels along the shorter edge; the longer one keeps the ratio, rounded down.
    Shorter(usize),
    /// Height and width.
    Both([usize; 2]),
}

impl From<usize> for Size {
    fn from(shorter: usize) -> Self {
        Self::Shorter(shorter)
    }
}

impl From<[usize; 2]> for Size {
    fn from(both: [usize; 2]) -> Self {
        Self::Both(both)
    }
}

impl Size {
    fn of(self, [height, width]: [usize; 2]) -> [usize; 2] {
        match self {
            Size::Both(both) => both,
            Size::Shorter(size) => {
                let scaled = |longer: usize, shorter: usize| (size as u128 * longer as u128 / shorter as u128) as usize;
                if height <= width { [size, scaled(width, height)] } else { [scaled(height, width), size] }
            }
        }
    }
}

/// A picture in another size, as torchvision's `resize`: `[height, width]`, or one number for the shorter edge.
///
/// Pictures of `U8` and `U16` are worked on in host memory, with transparent colours counting less, and go back to
/// their device; floats stay on their device, and gradients flow through.
///
/// # Errors
/// If the rank is below 3, a size is 0, integers have another dtype or more than four channels, or a device fails.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::io::image::{Interpolation, resize};
/// let x = Tensor::zeros([40, 60, 3], DType::U8, &Device::cpu());
/// assert_eq!(resize(&x, 20, Interpolation::Bilinear)?.shape(), &[20, 30, 3]);
/// assert_eq!(resize(&x.to_chw_f32()?, [8, 9], Interpolation::Nearest)?.shape(), &[3, 8, 9]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn resize(picture: &Tensor, size: impl Into<Size>, interpolation: Interpolation) -> Result<Tensor> {
    let op = "resize";
    let [y, x] = axes(op, picture)?;
    let from = [picture.shape()[y], picture.shape()[x]];
    if from.contains(&0) {
        return Err(Error::shape(op, picture.shape(), "there are no pixels"));
    }
    let to = size.into().of(from);
    if to.contains(&0) {
        return Err(Error::shape(op, picture.shape(), format!("{} x {} has no pixels", to[0], to[1])));
    }
    let mut shape = *picture.shape();
    (shape[y], shape[x]) = (to[0], to[1]);
    let shape = Shape::try_new(&shape)?;
    if picture.dtype().is_float() {
        let mode = match interpolation {
            Interpolation::Nearest => InterpolateMode::NearestExact,
            Interpolation::Bilinear => InterpolateMode::LinearAntialias,
        };
        let planes = picture.numel() / (from[0] * from[1]);
        let planes = picture.reshape([1, planes, from[0], from[1]])?;
        return interpolate(&planes, Target::<2>::Size(to), mode, false)?.reshape(shape);
    }
    let pixel = pixel(picture)?;
    let bytes = match picture.dtype() {
        DType::U8 => picture.to_vec::<u8>()?,
        _ => bytemuck::cast_slice(&picture.to_vec::<u16>()?).to_vec(),
    };
    let failed = |error: &dyn std::fmt::Display| Error::argument(op, error.to_string());
    let algorithm = match interpolation {
        Interpolation::Nearest => ResizeAlg::Nearest,
        Interpolation::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
    };
    let options = ResizeOptions::new().resize_alg(algorithm);
    let edge = |n: usize| u32::try_from(n).map_err(|error| failed(&error));
    let (height, width, new_height, new_width) = (edge(from[0])?, edge(from[1])?, edge(to[0])?, edge(to[1])?);
    let mut resizer = Resizer::new();
    // Words, because memory that a tensor takes over must be aligned for its elements.
    let mut out = vec![0u16; (shape.numel() * picture.dtype().size()).div_ceil(2)];
    let out_bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut out);
    let (count, new_count) = (from[0] * from[1] * pixel.size(), to[0] * to[1] * pixel.size());
    for (picture, new) in bytes.chunks(count).zip(out_bytes.chunks_mut(new_count)) {
        let picture = Image::from_vec_u8(width, height, picture.to_vec(), pixel).map_err(|error| failed(&error))?;
        let mut target = Image::new(new_width, new_height, pixel);
        resizer.resize(&picture, &mut target, &options).map_err(|error| failed(&error))?;
        new.copy_from_slice(target.buffer());
    }
    let device = crate::Device::cpu();
    Tensor::from_memory(out, picture.dtype(), shape, &device)?.to_device(picture.device())
}

fn pixel(picture: &Tensor) -> Result<PixelType> {
    let channels = picture.shape().last().copied().unwrap_or(0);
    match (picture.dtype(), channels) {
        (DType::U8, 1) => Ok(PixelType::U8),
        (DType::U8, 2) => Ok(PixelType::U8x2),
        (DType::U8, 3) => Ok(PixelType::U8x3),
        (DType::U8, 4) => Ok(PixelType::U8x4),
        (DType::U16, 1) => Ok(PixelType::U16),
        (DType::U16, 2) => Ok(PixelType::U16x2),
        (DType::U16, 3) => Ok(PixelType::U16x3),
        (DType::U16, 4) => Ok(PixelType::U16x4),
        (DType::U8 | DType::U16, _) => Err(Error::shape("resize", picture.shape(), "a picture has 1 to 4 channels")),
        (dtype, _) => Err(Error::dtype("resize", dtype, "the values of a picture are u8, u16 or floats")),
    }
}
