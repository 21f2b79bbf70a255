//! Worker classes, and what a class means to a host.

use serde::{Serialize, Serializer};
use std::fmt;

/// A worker class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WorkerClass {
    /// One request at a time.
    Sync,
    /// A pool of threads.
    Gthread,
    /// Greenlets by gevent (also `gevent_wsgi`, `gevent_pywsgi`).
    Gevent,
    /// Greenlets by eventlet; removed in 26.0.
    Eventlet,
    /// Tornado's loop.
    Tornado,
    /// Gunicorn's own ASGI worker (24.0 and later).
    Asgi,
    /// `uvicorn.workers.*` or `uvicorn_worker.*`.
    Uvicorn,
    /// `aiohttp.worker.*` or `aiohttp.*GunicornWebWorker`.
    Aiohttp,
    /// Any other, by the name it was given.
    Other(String),
}

impl WorkerClass {
    /// From the text of `worker_class`: a short name, a dotted path, with or without `egg:gunicorn#`.
    pub fn named(text: &str) -> Self {
        let name = text.trim();
        let name = name.strip_prefix("egg:gunicorn#").unwrap_or(name);
        match name {
            "sync" | "gunicorn.workers.sync.SyncWorker" => Self::Sync,
            "gthread" | "gunicorn.workers.gthread.ThreadWorker" => Self::Gthread,
            "gevent" | "gevent_wsgi" | "gevent_pywsgi" => Self::Gevent,
            "eventlet" => Self::Eventlet,
            "tornado" => Self::Tornado,
            "asgi" => Self::Asgi,
            _ if name.starts_with("gunicorn.workers.ggevent.") => Self::Gevent,
            _ if name.starts_with("gunicorn.workers.geventlet.") => Self::Eventlet,
            _ if name.starts_with("gunicorn.workers.gtornado.") => Self::Tornado,
            _ if name.starts_with("gunicorn.workers.gasgi.") => Self::Asgi,
            _ if name.starts_with("uvicorn.workers.") || name.starts_with("uvicorn_worker.") => Self::Uvicorn,
            _ if name.starts_with("aiohttp.") => Self::Aiohttp,
            _ => Self::Other(name.to_owned()),
        }
    }
}

impl fmt::Display for WorkerClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sync => "sync",
            Self::Gthread => "gthread",
            Self::Gevent => "gevent",
            Self::Eventlet => "eventlet",
            Self::Tornado => "tornado",
            Self::Asgi => "asgi",
            Self::Uvicorn => "uvicorn",
            Self::Aiohttp => "aiohttp",
            Self::Other(name) => name,
        })
    }
}

impl Serialize for WorkerClass {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
