//! Every setting of Gunicorn 19.7 to 27.0, with its command-line options and the kind of value it takes.
//!
//! Taken from `gunicorn.config.KNOWN_SETTINGS` of 19.9, 20.0, 20.1, 21.2, 22, 23, 24.1, 25.3, 26.2 and 27.0; a host
//! tool meets all of them and cannot always tell which, so this is their union.

/// What a setting holds and how its option is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string; the option takes a value.
    Text,
    /// A decimal number; the option takes a value.
    Number,
    /// A number that may be written `0o22`, `022` or `0x12`; the option takes a value.
    AnyBase,
    /// A list of strings; the option takes one value and may be repeated.
    List,
    /// The option takes no value and sets this one.
    Switch(bool),
    /// A switch up to 23; a string that may be left out since 24 (`--proxy-protocol`).
    OptionalText,
    /// A function or dictionary, which only a configuration file can give.
    Code,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name in a configuration file.
    pub name: &'static str,
    /// Its options on the command line; none for most code.
    pub options: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
}

/// The setting with this name in a configuration file.
pub fn setting_named(name: &str) -> Option<&'static Setting> {
    SETTINGS.binary_search_by(|setting| setting.name.cmp(name)).ok().map(|at| &SETTINGS[at])
}

/// The setting with exactly this option: `-b`, `--bind`.
pub fn setting_of_option(option: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.options.contains(&option))
}

/// All settings with an option that begins so; argparse takes any beginning that only one option has.
pub fn settings_of_beginning(beginning: &str) -> Vec<&'static Setting> {
    let begins = |setting: &&Setting| setting.options.iter().any(|option| option.starts_with(beginning));
    SETTINGS.iter().filter(begins).collect()
}

const fn setting(name: &'static str, options: &'static [&'static str], kind: Kind) -> Setting {
    Setting { name, options, kind }
}

/// By name, for binary search.
pub const SETTINGS: &[Setting] = &[
    setting("access_log_format", &["--access-logformat"], Kind::Text),
    setting("accesslog", &["--access-logfile"], Kind::Text),
    setting("asgi_disconnect_grace_period", &["--asgi-disconnect-grace-period"], Kind::Number),
    setting("asgi_lifespan", &["--asgi-lifespan"], Kind::Text),
    setting("asgi_loop", &["--asgi-loop"], Kind::Text),
    setting("backlog", &["--backlog"], Kind::Number),
    setting("bind", &["-b", "--bind"], Kind::List),
    setting("ca_certs", &["--ca-certs"], Kind::Text),
    setting("capture_output", &["--capture-output"], Kind::Switch(true)),
    setting("casefold_http_method", &["--casefold-http-method"], Kind::Switch(true)),
    setting("cert_reqs", &["--cert-reqs"], Kind::Text),
    setting("certfile", &["--certfile"], Kind::Text),
    setting("chdir", &["--chdir"], Kind::Text),
    setting("check_config", &["--check-config"], Kind::Switch(true)),
    setting("child_exit", &[], Kind::Code),
    setting("ciphers", &["--ciphers"], Kind::Text),
    setting("config", &["-c", "--config"], Kind::Text),
    setting("control_socket", &["--control-socket"], Kind::Text),
    setting("control_socket_disable", &["--no-control-socket"], Kind::Switch(true)),
    setting("control_socket_mode", &["--control-socket-mode"], Kind::AnyBase),
    setting("daemon", &["-D", "--daemon"], Kind::Switch(true)),
    setting("default_proc_name", &[], Kind::Text),
    setting("dirty_apps", &["--dirty-app"], Kind::List),
    setting("dirty_graceful_timeout", &["--dirty-graceful-timeout"], Kind::Number),
    setting("dirty_post_fork", &[], Kind::Code),
    setting("dirty_threads", &["--dirty-threads"], Kind::Number),
    setting("dirty_timeout", &["--dirty-timeout"], Kind::Number),
    setting("dirty_worker_exit", &[], Kind::Code),
    setting("dirty_worker_init", &[], Kind::Code),
    setting("dirty_workers", &["--dirty-workers"], Kind::Number),
    setting("disable_redirect_access_to_syslog", &["--disable-redirect-access-to-syslog"], Kind::Switch(true)),
    setting("do_handshake_on_connect", &["--do-handshake-on-connect"], Kind::Switch(true)),
    setting("dogstatsd_tags", &["--dogstatsd-tags"], Kind::Text),
    setting("enable_backlog_metric", &["--enable-backlog-metric"], Kind::Switch(true)),
    setting("enable_stdio_inheritance", &["-R", "--enable-stdio-inheritance"], Kind::Switch(true)),
    setting("errorlog", &["--error-logfile", "--log-file"], Kind::Text),
    setting("forwarded_allow_ips", &["--forwarded-allow-ips"], Kind::Text),
    setting("forwarder_headers", &["--forwarder-headers"], Kind::Text),
    setting("graceful_timeout", &["--graceful-timeout"], Kind::Number),
    setting("group", &["-g", "--group"], Kind::Text),
    setting("header_map", &["--header-map"], Kind::Text),
    setting("http2_cleartext", &["--http2-cleartext"], Kind::Text),
    setting("http2_initial_window_size", &["--http2-initial-window-size"], Kind::Number),
    setting("http2_max_concurrent_streams", &["--http2-max-concurrent-streams"], Kind::Number),
    setting("http2_max_frame_size", &["--http2-max-frame-size"], Kind::Number),
    setting("http2_max_header_list_size", &["--http2-max-header-list-size"], Kind::Number),
    setting("http_parser", &["--http-parser"], Kind::Text),
    setting("http_protocols", &["--http-protocols"], Kind::Text),
    setting("initgroups", &["--initgroups"], Kind::Switch(true)),
    setting("keepalive", &["--keep-alive"], Kind::Number),
    setting("keyfile", &["--keyfile"], Kind::Text),
    setting("limit_request_field_size", &["--limit-request-field_size"], Kind::Number),
    setting("limit_request_fields", &["--limit-request-fields"], Kind::Number),
    setting("limit_request_line", &["--limit-request-line"], Kind::Number),
    setting("logconfig", &["--log-config"], Kind::Text),
    setting("logconfig_dict", &["--log-config-dict"], Kind::Code),
    setting("logconfig_json", &["--log-config-json"], Kind::Text),
    setting("logger_class", &["--logger-class"], Kind::Text),
    setting("loglevel", &["--log-level"], Kind::Text),
    setting("max_requests", &["--max-requests"], Kind::Number),
    setting("max_requests_jitter", &["--max-requests-jitter"], Kind::Number),
    setting("nworkers_changed", &[], Kind::Code),
    setting("on_dirty_starting", &[], Kind::Code),
    setting("on_exit", &[], Kind::Code),
    setting("on_reload", &[], Kind::Code),
    setting("on_starting", &[], Kind::Code),
    setting("paste", &["--paste", "--paster"], Kind::Text),
    setting("permit_obsolete_folding", &["--permit-obsolete-folding"], Kind::Switch(true)),
    setting("permit_unconventional_http_method", &["--permit-unconventional-http-method"], Kind::Switch(true)),
    setting("permit_unconventional_http_version", &["--permit-unconventional-http-version"], Kind::Switch(true)),
    setting("pidfile", &["-p", "--pid"], Kind::Text),
    setting("post_fork", &[], Kind::Code),
    setting("post_request", &[], Kind::Code),
    setting("post_worker_init", &[], Kind::Code),
    setting("pre_exec", &[], Kind::Code),
    setting("pre_fork", &[], Kind::Code),
    setting("pre_request", &[], Kind::Code),
    setting("preload_app", &["--preload"], Kind::Switch(true)),
    setting("print_config", &["--print-config"], Kind::Switch(true)),
    setting("proc_name", &["-n", "--name"], Kind::Text),
    setting("protocol", &["--protocol"], Kind::Text),
    setting("proxy_allow_ips", &["--proxy-allow-from"], Kind::Text),
    setting("proxy_protocol", &["--proxy-protocol"], Kind::OptionalText),
    setting("pythonpath", &["--pythonpath"], Kind::Text),
    setting("raw_env", &["-e", "--env"], Kind::List),
    setting("raw_paste_global_conf", &["--paste-global"], Kind::List),
    setting("reload", &["--reload"], Kind::Switch(true)),
    setting("reload_engine", &["--reload-engine"], Kind::Text),
    setting("reload_extra_files", &["--reload-extra-file"], Kind::List),
    setting("reuse_port", &["--reuse-port"], Kind::Switch(true)),
    setting("root_path", &["--root-path"], Kind::Text),
    setting("secure_scheme_headers", &[], Kind::Code),
    setting("sendfile", &["--no-sendfile"], Kind::Switch(false)),
    setting("spew", &["--spew"], Kind::Switch(true)),
    setting("ssl_context", &[], Kind::Code),
    setting("ssl_version", &["--ssl-version"], Kind::Text),
    setting("statsd_host", &["--statsd-host"], Kind::Text),
    setting("statsd_prefix", &["--statsd-prefix"], Kind::Text),
    setting("strip_header_spaces", &["--strip-header-spaces"], Kind::Switch(true)),
    setting("suppress_ragged_eofs", &["--suppress-ragged-eofs"], Kind::Switch(true)),
    setting("syslog", &["--log-syslog"], Kind::Switch(true)),
    setting("syslog_addr", &["--log-syslog-to"], Kind::Text),
    setting("syslog_facility", &["--log-syslog-facility"], Kind::Text),
    setting("syslog_prefix", &["--log-syslog-prefix"], Kind::Text),
    setting("threads", &["--threads"], Kind::Number),
    setting("timeout", &["-t", "--timeout"], Kind::Number),
    setting("tmp_upload_dir", &[], Kind::Text),
    setting("tolerate_dangerous_framing", &["--tolerate-dangerous-framing"], Kind::Switch(true)),
    setting("umask", &["-m", "--umask"], Kind::AnyBase),
    setting("user", &["-u", "--user"], Kind::Text),
    setting("uwsgi_allow_ips", &["--uwsgi-allow-from"], Kind::Text),
    setting("websocket_max_message_size", &["--websocket-max-message-size"], Kind::Number),
    setting("when_ready", &[], Kind::Code),
    setting("worker_abort", &[], Kind::Code),
    setting("worker_class", &["-k", "--worker-class"], Kind::Text),
    setting("worker_connections", &["--worker-connections"], Kind::Number),
    setting("worker_exit", &[], Kind::Code),
    setting("worker_int", &[], Kind::Code),
    setting("worker_tmp_dir", &["--worker-tmp-dir"], Kind::Text),
    setting("workers", &["-w", "--workers"], Kind::Number),
    setting("wsgi_app", &[], Kind::Text),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_sorted_so_that_a_name_can_be_found() {
        assert!(SETTINGS.is_sorted_by(|a, b| a.name < b.name));
        assert!(SETTINGS.iter().all(|setting| setting_named(setting.name) == Some(setting)));
    }

    #[test]
    fn no_option_belongs_to_two_settings() {
        let mut seen = HashSet::new();
        for option in SETTINGS.iter().flat_map(|setting| setting.options) {
            assert!(seen.insert(option), "{option}");
        }
    }

    #[test]
    fn an_alias_is_the_same_setting() {
        assert_eq!(setting_of_option("--log-file"), setting_of_option("--error-logfile"));
        assert_eq!(setting_of_option("--log-file").unwrap().name, "errorlog");
        assert_eq!(setting_of_option("--no-sendfile").unwrap().kind, Kind::Switch(false));
    }
}
