//! Compressed logs: the same answers, and what comes before the damage.

use super::*;
use crate::host::log_source::Format;
use lzma_rust2::{XzOptions, XzWriter};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write;

const FORMATS: [Format; 4] = [Format::Gzip, Format::Xz, Format::Zstd, Format::Bzip2];

fn pack(format: Format, log: &[u8]) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(log).unwrap();
            writer.finish().unwrap()
        }
        Format::Xz => {
            let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
            writer.write_all(log).unwrap();
            writer.finish().unwrap()
        }
        Format::Zstd => compress_to_vec(log, CompressionLevel::Fastest),
        Format::Bzip2 => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            writer.write_all(log).unwrap();
            writer.finish().unwrap()
        }
    }
}

#[test]
fn a_log_gives_the_same_records_in_every_compression() {
    let log = large();
    let (plain, _) = from_a_file(log.bytes(), &search());
    for format in FORMATS {
        let packed = pack(format, log.bytes());
        assert_eq!(Format::of(&packed), Some(format));
        let (seen, reading) = from_a_file(&packed, &search());
        assert!(seen.0 == plain.0, "{format:?}: {} and {}", seen.0.len(), plain.0.len());
        assert_eq!(reading.lost, None, "{format:?}");
    }
}

#[test]
fn members_one_after_another_are_one_log() {
    let log = Log::default().more(400_000).kill(1).more(1000).kill(2);
    let (plain, _) = from_a_file(log.bytes(), &search());
    for format in FORMATS {
        for at in [1, 1000, log.bytes().len() - 1] {
            let (one, other) = log.bytes().split_at(at);
            let (seen, reading) = from_a_file(&[pack(format, one), pack(format, other)].concat(), &search());
            assert!(seen.0 == plain.0, "{format:?} at {at}");
            assert_eq!(reading.lost, None, "{format:?}");
        }
    }
}

#[test]
fn of_an_archive_that_is_cut_short_what_came_before_counts_and_the_rest_is_told_as_lost() {
    // Numbers that do not compress well, so that the archive has many blocks.
    let mut log = Log::default().kill(1);
    let mut state = 1_u64;
    for _ in 0..30_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        log.say(&format!("{state:x}"));
    }
    let log = log.kill(2);
    let (plain, _) = from_a_file(log.bytes(), &search());
    for format in FORMATS {
        let mut packed = pack(format, log.bytes());
        packed.truncate(packed.len() * 9 / 10);
        let (seen, reading) = from_a_file(&packed, &search());
        let whole = seen.0.len().saturating_sub(1);
        assert!(plain.0.starts_with(&seen.0[..whole]), "{format:?}: only the last record may be cut");
        assert!(whole > 15_000, "{format:?}: {whole}");
        assert!(seen.deaths() == 1, "{format:?}");
        let lost = reading.lost.unwrap().to_string();
        assert_eq!(lost, "the compressed file is cut short", "{format:?}");
    }
}

#[test]
fn what_follows_the_last_gzip_member_is_passed_over() {
    let log = Log::default().kill(1).more(1000);
    for garbage in [&[0; 512][..], b"x", b"\x1f", b"\x1f and more", b"\x1f\x1f\x8b"] {
        let padded = [&pack(Format::Gzip, log.bytes()), garbage].concat();
        let (seen, reading) = from_a_file(&padded, &search());
        assert_eq!((seen.deaths(), reading.lost), (1, None), "{garbage:?}");
    }
}

#[test]
fn an_archive_that_needs_more_memory_than_any_log_does_is_refused() {
    // A zstd frame that asks for a window of 2 GiB.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    let (seen, reading) = from_a_file(&zstd, &search());
    assert!(seen.0.is_empty());
    assert_eq!(reading.lost.unwrap().to_string(), "unpacking it takes more than 130 MiB of memory");
    let mut options = XzOptions::with_preset(0);
    options.lzma_options.dict_size = 512 << 20;
    let header_only = XzWriter::new(Vec::new(), options).and_then(|mut writer| {
        writer.write_all(b"x")?;
        writer.finish()
    });
    let (_, reading) = from_a_file(&header_only.unwrap(), &search());
    assert_eq!(reading.lost.unwrap().to_string(), "unpacking it takes more than 130 MiB of memory");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_damage_to_an_archive_panics(format in 0_usize..4, at in 0.0_f64..1.0, to: u8, cut in 0.0_f64..1.3) {
        let log = Log::default().more(60_000).kill(1).more(2000);
        let mut packed = pack(FORMATS[format], log.bytes());
        let place = (packed.len() as f64 * at) as usize;
        packed[place] = to;
        packed.truncate((packed.len() as f64 * cut) as usize);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &packed).unwrap();
        let _ = read_named(file.path(), &search(), &mut Seen::default());
    }
}
