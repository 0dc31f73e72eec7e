//! What a file is, by its first bytes: readers say it where they are given something else.

/// So many bytes are enough to recognise a file.
pub(crate) const HEAD: usize = 512;

/// The formats that are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Npy,
    Npz,
    Safetensors,
    ShardIndex,
    PyTorch,
    Pickle,
    Gguf,
    Hdf5,
    Matlab,
    Parquet,
    Arrow,
    Sqlite,
    Office,
    Png,
    Jpeg,
    Webp,
    Bmp,
    Tiff,
    Gif,
    Avif,
    JpegXl,
    Zip,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Lz4,
    SevenZip,
    Tar,
    Pdf,
    Html,
    Xml,
    LfsPointer,
    Json,
    Utf16,
}

use Format::*;

/// Where the bytes are that a format starts with.
const MAGIC: [(usize, &[u8], Format); 37] = [
    (0, b"\x93NUMPY", Npy),
    (0, b"\x80\x02", Pickle),
    (0, b"\x80\x03", Pickle),
    (0, b"\x80\x04\x95", Pickle),
    (0, b"\x80\x05\x95", Pickle),
    (0, b"GGUF\x01\0\0\0", Gguf),
    (0, b"GGUF\x02\0\0\0", Gguf),
    (0, b"GGUF\x03\0\0\0", Gguf),
    (0, b"GGUF\0\0\0", Gguf),
    (0, b"\x89HDF\r\n\x1a\n", Hdf5),
    (0, b"MATLAB 5.0 MAT-file", Matlab),
    (0, b"PAR1\x15", Parquet),
    (0, b"ARROW1\0\0", Arrow),
    (0, b"SQLite format 3\0", Sqlite),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Office),
    (0, b"\x89PNG\r\n\x1a\n", Png),
    (0, b"\xff\xd8\xff", Jpeg),
    (8, b"WEBP", Webp),
    (0, b"II*\0", Tiff),
    (0, b"MM\0*", Tiff),
    (0, b"GIF87a", Gif),
    (0, b"GIF89a", Gif),
    (4, b"ftypavif", Avif),
    (4, b"ftypheic", Avif),
    (4, b"ftypmif1", Avif),
    (0, b"\xff\x0a", JpegXl),
    (4, b"JXL \r\n\x87\n", JpegXl),
    (0, b"PK\x03\x04", Zip),
    (0, b"PK\x05\x06", Zip),
    (0, b"\x1f\x8b", Gzip),
    (0, b"\xfd7zXZ\0", Xz),
    (0, b"\x28\xb5\x2f\xfd", Zstd),
    (0, b"\x04\x22\x4d\x18", Lz4),
    (0, b"7z\xbc\xaf\x27\x1c", SevenZip),
    (257, b"ustar", Tar),
    (0, b"%PDF-", Pdf),
    (0, b"version https://git-lfs.github.com/spec/", LfsPointer),
];

impl Format {
    /// Recognises a file by its first bytes, of which [`HEAD`] are enough.
    pub fn of(head: &[u8]) -> Option<Self> {
        let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        let found = MAGIC.iter().find(|(offset, magic, _)| at(*offset, magic)).map(|(.., format)| *format);
        match found {
            Some(Zip) => Some(Self::of_archive(head)),
            Some(Webp) if !at(0, b"RIFF") => None,
            Some(format) => Some(format),
            None if at(0, b"BZh") && at(4, b"1AY&SY") => Some(Bzip2),
            None if at(0, b"BM") && matches!(head.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) => {
                Some(Bmp)
            }
            None if Self::is_safetensors(head) => Some(Safetensors),
            None if at(0, b"\xff\xfe") || at(0, b"\xfe\xff") => Some(Utf16),
            None => Self::of_text(head),
        }
    }

    /// What a zip archive is, by the name of its first file.
    fn of_archive(head: &[u8]) -> Self {
        let size =
            |at: usize| head.get(at..at + 2).map_or(0, |size| usize::from(u16::from_le_bytes([size[0], size[1]])));
        let name = head.get(30..).map_or("".into(), |rest| String::from_utf8_lossy(&rest[..size(26).min(rest.len())]));
        match () {
            () if name.ends_with(".npy") => Npz,
            () if name.ends_with("/data.pkl") || name.ends_with("/.format_version") => PyTorch,
            () if name.ends_with("/version") || name.ends_with("/byteorder") => PyTorch,
            () if name == "[Content_Types].xml" || name.starts_with("xl/") || name == "mimetype" => Office,
            () => Zip,
        }
    }

    /// The length of a header of JSON, and its start.
    fn is_safetensors(head: &[u8]) -> bool {
        match head.first_chunk::<8>() {
            Some(length) => head.get(8) == Some(&b'{') && (2..=100_000_000).contains(&u64::from_le_bytes(*length)),
            None => false,
        }
    }

    fn of_text(head: &[u8]) -> Option<Self> {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let tag = |tag: &[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
        let inner = |open: u8| text.strip_prefix(&[open]).map(<[u8]>::trim_ascii_start);
        match () {
            () if tag(b"<!doctype html") || tag(b"<html") || tag(b"<head") => Some(Html),
            () if tag(b"<?xml") => Some(Xml),
            () if inner(b'{').is_some_and(|rest| rest.starts_with(b"\"")) => {
                let has = |key: &[u8]| text.windows(key.len()).any(|window| window == key);
                Some(if has(b"\"weight_map\"") || has(b"\"total_size\"") { ShardIndex } else { Json })
            }
            () if inner(b'[').is_some_and(|rest| rest.starts_with(b"{")) => Some(Json),
            () => None,
        }
    }

    /// What the format is called, and what to do with a file of it.
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Npy => ("an array of NumPy (.npy)", "`npy::load` reads it"),
            Npz => ("an archive of NumPy arrays (.npz)", "`npz::open` reads it"),
            Safetensors => ("a safetensors file", "`safetensors::load` reads it"),
            ShardIndex => ("the index of a model in several files", "`safetensors::load` reads it, with those files"),
            PyTorch | Pickle => (
                if self == PyTorch { "a PyTorch file (.pt, .pth, .bin)" } else { "pickled Python objects" },
                "these can run code and are never read; in Python, save the tensors with \
                 safetensors.torch.save_file(torch.load(path, weights_only=True), ..) or np.save",
            ),
            Gguf => ("a GGUF model", "its tensors are packed for llama.cpp; take the model's safetensors files"),
            Hdf5 => ("an HDF5 file (.h5, .hdf5, Keras)", "read it with h5py, and save its arrays with np.savez"),
            Matlab => ("a MATLAB file", "read it with scipy.io.loadmat, and save its arrays with np.savez"),
            Parquet | Arrow => (
                if self == Parquet { "a Parquet table" } else { "an Arrow table (.arrow, .feather)" },
                "read it with pandas, and save it with to_csv, or its columns with np.savez",
            ),
            Sqlite => ("an SQLite database", "export the table as CSV"),
            Office => ("an office document (such as .xlsx)", "save the sheet as CSV"),
            Png => ("a PNG picture", PICTURE),
            Jpeg => ("a JPEG picture", PICTURE),
            Webp => ("a WebP picture", "with the feature `image-webp`, `image::open` reads it"),
            Bmp => ("a BMP picture", "with the feature `image-bmp`, `image::open` reads it"),
            Tiff => ("a TIFF picture", "with the feature `image-tiff`, `image::open` reads it"),
            Gif => ("a GIF picture", "convert it to PNG"),
            Avif => ("an AVIF or HEIC picture", "convert it to PNG or JPEG"),
            JpegXl => ("a JPEG XL picture", "convert it to PNG or JPEG"),
            Zip => ("a zip archive", "unpack it first"),
            Gzip => ("compressed with gzip", "unpack it with gunzip; CSV files may stay as they are"),
            Bzip2 => ("compressed with bzip2", "unpack it with bunzip2"),
            Xz => ("compressed with xz", "unpack it with unxz"),
            Zstd => ("compressed with zstd", "unpack it with unzstd"),
            Lz4 => ("compressed with lz4", "unpack it with unlz4"),
            SevenZip => ("a 7z archive", "unpack it first"),
            Tar => ("a tar archive", "unpack it first"),
            Pdf => ("a PDF document", "export its table as CSV, or its pictures as PNG"),
            Html => ("a web page", "the server answered with a page in place of the file; look at the address"),
            Xml => ("XML", "it may be the error message of a server; look at its text"),
            LfsPointer => ("a Git LFS pointer", "`git lfs pull` fetches the file that it stands for"),
            Json => ("JSON", "load it in Python, and save its arrays with np.savez, or its table with to_csv"),
            Utf16 => ("text in UTF-16", "save it as UTF-8; the `encoding` of CSV options can be set"),
        }
    }

    /// The reason of an error: what the file is, and what to do.
    pub fn reason(self) -> String {
        let (name, hint) = self.describe();
        format!("the file is {name}: {hint}")
    }
}

const PICTURE: &str = "with the feature `image`, `image::open` reads it";

/// What a file is that is none of those that a reader takes.
pub(crate) fn other(head: &[u8], own: &[Format]) -> Option<String> {
    Format::of(head).filter(|format| !own.contains(format)).map(Format::reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised() {
        let zip = |name: &str| {
            let mut head = b"PK\x03\x04".to_vec();
            head.resize(26, 0);
            head.extend((name.len() as u16).to_le_bytes());
            head.extend([0, 0]);
            head.extend(name.as_bytes());
            head
        };
        let tar = [&[0; 257][..], b"ustar\0"].concat();
        let cases: [(&[u8], Format); 24] = [
            (&zip("x.npy"), Npz),
            (&zip("archive/data.pkl"), PyTorch),
            (&zip("[Content_Types].xml"), Office),
            (&zip("points.csv"), Zip),
            (b"PK\x05\x06", Zip),
            (b"PK\x03\x04", Zip),
            (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", Pickle),
            (b"\x80\x04\x95\x10", Pickle),
            (b"BZh91AY&SY", Bzip2),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Webp),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Bmp),
            (b"\x10\0\0\0\0\0\0\0{\"a\":{}}        ", Safetensors),
            (b"{ \"metadata\": {\"total_size\": 1}, \"weight_map\": {}}", ShardIndex),
            (b"{\"a\": 1}", Json),
            (b"[\n {\"a\": 1}]", Json),
            (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", Html),
            (b"<HTML>", Html),
            (b"<?xml version='1.0'?><Error>", Xml),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", LfsPointer),
            (&tar, Tar),
            (b"\xff\xfea\0", Utf16),
            (b"GGUF\x03\0\0\0", Gguf),
            (b"\x89HDF\r\n\x1a\n", Hdf5),
            (b"\x1f\x8b\x08", Gzip),
        ];
        for (head, format) in cases {
            assert_eq!(Format::of(head), Some(format), "{:?}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn tables_are_taken_for_nothing_else() {
        for head in
            ["", "BM,PAR1\n1,2", "GGUF,x\n", "PAR1,b\n", "[a],[b]\n", "{a},b\n", "GIF,1\n", "BZh1,2\n", "version,x"]
        {
            assert_eq!(Format::of(head.as_bytes()), None, "{head:?}");
        }
    }
}
