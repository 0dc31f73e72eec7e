//! The values that a PNG file stores: places in its palette.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::read;

/// Height, width, and a byte for every pixel.
pub(super) type Indices = ([usize; 2], Vec<u8>);

/// Reads a picture of one channel as it is stored, if that takes no more than so many bytes.
pub(super) fn indices(bytes: &[u8], limit: usize) -> Result<Indices, String> {
    let failed = |error: png::DecodingError| error.to_string().to_lowercase();
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: read::decoder_limit(limit) });
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(failed)?;
    let (colour, depth) = reader.output_color_type();
    let [height, width] = [reader.info().height, reader.info().width].map(|n| n as usize);
    read::within(limit, [height, width], 1, 1)?;
    let bits = match (colour, depth) {
        (ColorType::Indexed | ColorType::Grayscale, BitDepth::One) => 1,
        (ColorType::Indexed | ColorType::Grayscale, BitDepth::Two) => 2,
        (ColorType::Indexed | ColorType::Grayscale, BitDepth::Four) => 4,
        (ColorType::Indexed | ColorType::Grayscale, BitDepth::Eight) => 8,
        _ => return Err("it has no palette, so there are no indices; `Mode::Unchanged` reads its channels".into()),
    };
    let size = reader.output_buffer_size().ok_or("it is too large to be addressed")?;
    let mut packed = vec![0; size];
    let line = reader.next_frame(&mut packed).map_err(failed)?.line_size;
    let pixels = 8 / bits;
    let mask = (0xff_u16 >> (8 - bits)) as u8;
    let pixel = |row: &[u8], x: usize| row[x / pixels] >> (8 - bits - bits * (x % pixels)) & mask;
    let rows = packed.chunks_exact(line).take(height);
    Ok(([height, width], rows.flat_map(|row| (0..width).map(move |x| pixel(row, x))).collect()))
}
