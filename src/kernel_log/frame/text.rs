//! What a line of text, or an object of JSON, is to the reader.

use super::container::{Piece, Said};
use super::escape::{self, Escape};
use super::framed::{Author, Dress, Framed, Head};
use super::journal_json::{self, Object};
use super::reader::Reader;
use super::{date, line, wrapper};
use crate::kernel_log::{Origin, Record};

impl Reader {
    /// One object of JSON, and the text it came in.
    pub(super) fn object(&mut self, object: &[u8], line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        match journal_json::read(object) {
            Some(Object::Entry(entry)) => self.entry(&entry, offset, each),
            Some(Object::Docker(docker)) => {
                let text = docker.log.strip_suffix(b"\n");
                let partial = text.is_none();
                let text = text.unwrap_or(&docker.log);
                self.piece(&Piece { stream: &docker.stream, text, wall: docker.wall(), offset, partial }, each);
            }
            Some(Object::Other) => {
                self.framed = true;
                self.open.hand_over(each);
                self.open.begin_plain(Head::of(Origin::Other), Author::default(), line, offset);
            }
            None => {}
        }
    }

    /// A piece of what a container wrote.
    fn piece(&mut self, piece: &Piece<'_>, each: &mut impl FnMut(&Record<'_>)) {
        if let Some(said) = self.container.take(piece) {
            self.said(&said, each);
        }
    }

    /// A line of a container's: the kernel's only if it has a frame of the kernel's itself.
    pub(super) fn said(&mut self, said: &Said, each: &mut impl FnMut(&Record<'_>)) {
        let text = line::trimmed(&said.text);
        let frame = line::read(text, &self.brackets);
        if frame.is_none() && self.open.is_begun() && self.open.origin() != Origin::Other && self.open.is_indented(text)
        {
            self.open.go_on(text);
            return;
        }
        let mut framed = frame.unwrap_or(Framed {
            head: Head::of(Origin::Other),
            author: Author::default(),
            text,
            escape: Escape::Plain,
            dress: Dress::Line,
        });
        framed.head.stamp.wall = framed.head.stamp.wall.or(said.wall);
        self.framed(framed, text, said.offset, each);
    }

    /// A line of text.
    pub(super) fn text(&mut self, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        if has_colour_in_front(line) {
            let mut plain = std::mem::take(&mut self.plain);
            escape::without_colours(line, &mut plain);
            self.plain_text(&plain, offset, each);
            self.open.coloured = true;
            self.plain = plain;
        } else {
            self.plain_text(line, offset, each);
        }
    }

    fn plain_text(&mut self, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        if let Some(framed) = line::read(line, &self.brackets) {
            // What a collector put round a line is told from syslog by its third word alone.
            if let Some(cri) = cri_of(&framed, line) {
                let wrapper::Cri { wall, stream, partial, text } = cri;
                self.piece(&Piece { stream, text, wall: Some(wall), offset, partial }, each);
            } else {
                self.framed(framed, line, offset, each);
            }
        } else {
            self.unframed(line, offset, each);
        }
    }

    fn framed(&mut self, mut framed: Framed<'_>, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        match framed.dress {
            Dress::Minute => self.clock = framed.head.stamp.wall,
            Dress::Since(micros) => {
                self.clock = self.clock.and_then(|clock| date::later(clock, micros));
                framed.head.stamp.wall = framed.head.stamp.wall.or(self.clock);
            }
            _ => {}
        }
        self.brackets.met(&framed);
        self.framed = true;
        self.open.hand_over(each);
        self.open.begin(&framed, line, offset);
    }

    /// A line without a frame goes on with the record before, or is a bare message where no frames are.
    fn unframed(&mut self, line: &[u8], offset: u64, each: &mut impl FnMut(&Record<'_>)) {
        let dictionary = self.open.dress() == Dress::Kmsg && line.first() == Some(&b' ');
        if self.framed && self.open.is_begun() && dictionary {
            return;
        }
        if self.framed && self.open.origin() != Origin::Other && line::begins_report(line) {
            self.framed = false;
        }
        if self.framed {
            if self.open.is_begun() {
                self.open.go_on(line);
            }
            return;
        }
        self.open.hand_over(each);
        self.open.begin_plain(Head::default(), Author::default(), line, offset);
    }
}

/// Whether dmesg(1) coloured the line: it begins with a colour, or with the words of a priority and then a colour.
fn has_colour_in_front(line: &[u8]) -> bool {
    memchr::memchr(0x1b, line.get(..20).unwrap_or(line)).is_some()
}

/// The wrapper of CRI, where the line is in one.
fn cri_of<'a>(framed: &Framed<'_>, line: &'a [u8]) -> Option<wrapper::Cri<'a>> {
    if matches!(framed.author.host, b"stdout" | b"stderr") { wrapper::cri(line) } else { None }
}
