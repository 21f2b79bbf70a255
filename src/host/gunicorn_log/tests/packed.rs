//! Compressed logs.

use super::*;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_compressed_log_tells_the_same_with_the_lines_of_its_text() {
    let log = log(3 << 20);
    let (expected, plain) = of_bytes(log.as_bytes());
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    xz.write_all(log.as_bytes()).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(log.as_bytes()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(log.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for packed in [gzip(log.as_bytes()), xz.finish().unwrap(), bzip2.finish().unwrap(), zstd] {
        let (told, read) = of_bytes(&packed);
        assert!(told == expected);
        assert_eq!((read.source.begins, read.source.ends, read.framed), (plain.source.begins, plain.source.ends, true));
    }
}

#[test]
fn what_comes_before_the_damage_counts() {
    let packed = gzip(log(3 << 20).as_bytes());
    let (told, read) = of_bytes(&packed[..packed.len() / 2]);
    assert!(!told.is_empty());
    assert_eq!(read.source.lost.unwrap().to_string(), "the compressed file is cut short");
}

#[test]
fn a_compressed_log_of_nothing_is_a_log() {
    assert!(of_bytes(&gzip(b"")).1.framed);
}
