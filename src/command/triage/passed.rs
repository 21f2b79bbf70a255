//! Lines as they go by: of whom they are, of whom they speak, and whether a frame says so.

use crate::gunicorn::log::{Event, Said, Told};
use crate::units::Pid;

/// What went by of a source.
#[derive(Debug, Default)]
pub struct Passed {
    /// In a frame that names who wrote it: a journal, a syslog.
    pub dressed: u64,
    /// Without one.
    pub bare: u64,
}

impl Passed {
    /// Whether anything was told.
    pub fn is_any(&self) -> bool {
        self.dressed + self.bare > 0
    }

    /// One line more.
    pub fn count(&mut self, told: &Told) {
        let is_dressed = told.frame_pid.is_some() || told.unit.is_some() || matches!(told.said, Said::Manager(_));
        *(if is_dressed { &mut self.dressed } else { &mut self.bare }) += 1;
    }
}

/// Whether a line is of this process, or speaks of it.
pub fn names(told: &Told, pid: Pid) -> bool {
    let spoken_of = match &told.said {
        Said::Gunicorn(
            Event::Booting(named)
            | Event::Exiting(named)
            | Event::TimedOut(named)
            | Event::GracefulTimeout(named)
            | Event::Ended { pid: named, .. },
        ) => Some(*named),
        _ => None,
    };
    [told.writer, told.frame_pid, spoken_of].contains(&Some(pid))
}

/// The unit that a line is of, or speaks of.
pub fn unit_of(told: &Told) -> Option<&str> {
    match &told.said {
        Said::Gunicorn(_) => told.unit.as_deref(),
        Said::Manager(event) => event.unit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gunicorn::log::ManagerEvent;
    use crate::gunicorn::log::Place;

    fn told(said: Said) -> Told {
        Told {
            said,
            writer: Some(Pid(812)),
            frame_pid: None,
            unit: None,
            time: None,
            source: 0,
            place: Place::default(),
            text: Box::default(),
        }
    }

    #[test]
    fn a_process_is_named_by_who_writes_and_by_who_is_spoken_of() {
        let line = told(Said::Gunicorn(Event::TimedOut(Pid(815))));
        assert!(names(&line, Pid(815)) && names(&line, Pid(812)));
        assert!(!names(&line, Pid(816)));
        assert!(names(&Told { frame_pid: Some(Pid(7421)), ..line }, Pid(7421)));
    }

    #[test]
    fn a_manager_speaks_of_the_unit_that_it_names() {
        let killed = Said::Manager(ManagerEvent::OomKilled { unit: "web.service".into() });
        let line = Told { unit: Some("init.scope".into()), ..told(killed) };
        assert_eq!(unit_of(&line), Some("web.service"));
        let booting = told(Said::Gunicorn(Event::Booting(Pid(815))));
        assert_eq!(unit_of(&Told { unit: Some("web.service".into()), ..booting }), Some("web.service"));
    }

    #[test]
    fn only_a_frame_makes_a_journal() {
        let mut passed = Passed::default();
        let bare = told(Said::Gunicorn(Event::HangUp));
        passed.count(&bare);
        passed.count(&Told { frame_pid: Some(Pid(812)), ..bare });
        assert_eq!((passed.bare, passed.dressed), (1, 1));
    }
}
