//! What an error log holds beside Gunicorn's own words, where access log and application write to it too.

use crate::dice::Dice;

/// A line of ordinary traffic.
pub enum Line {
    /// Of the access log: what is before its time, and behind.
    Access(String, String),
    /// Of the application, with Gunicorn's prefix before it.
    Application(String),
}

const PATHS: &[&str] =
    &["/", "/cart", "/login", "/healthz", "/static/site.css", "/api/v2/items", "/api/v2/items/search?q=lamp"];

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5",
    "curl/8.5.0",
    "kube-probe/1.33",
];

/// Four lines of the access log to one of the application.
pub fn line(dice: &mut Dice) -> Line {
    if dice.percent(20) {
        return Line::Application(application(dice));
    }
    let behind = format!(
        "\"{} {} HTTP/1.1\" {} {} \"-\" \"{}\"",
        dice.one_of(&["GET", "GET", "GET", "POST", "HEAD"]),
        dice.one_of(PATHS),
        dice.one_of(&[200, 200, 200, 301, 304, 404, 500]),
        dice.between(0, 90_000),
        dice.one_of(AGENTS)
    );
    Line::Access(format!("{} - - ", dice.ip()), behind)
}

fn application(dice: &mut Dice) -> String {
    let number = dice.between(1, 99_999);
    match dice.bits() % 6 {
        0 => format!("order {number} was paid in {} ms", dice.between(2, 900)),
        1 => format!("cache miss for user:{number}"),
        2 => format!("upstream timed out, trying again ({number})"),
        3 => format!("Worker memory is {} MiB after {number} requests", dice.between(80, 400)),
        4 => format!("Received webhook {}", dice.hex(16)),
        _ => format!("slow query ({} ms): SELECT * FROM items WHERE id = {number}", dice.between(200, 9_000)),
    }
}

/// Lines that hold the very words of a death, and are none: what a visitor sent, what the application quotes. The second
/// is of the application.
pub fn decoys(pid: u64) -> [Line; 4] {
    let access = |behind: String| Line::Access("203.0.113.9 - - ".to_owned(), behind);
    [
        access(format!("\"GET /search?q=WORKER%20TIMEOUT%20(pid:{pid}) HTTP/1.1\" 200 12 \"-\" \"curl/8.5.0\"")),
        Line::Application(format!("a visitor asks: Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?")),
        Line::Application(format!("upstream said: [CRITICAL] WORKER TIMEOUT (pid:{pid})")),
        access(format!("\"GET / HTTP/1.1\" 200 9 \"-\" \"[1] [ERROR] Worker (pid:{pid}) exited with code 1.\"")),
    ]
}
