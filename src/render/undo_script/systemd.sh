# manage COMMAND [UNIT]: with systemctl, where systemd runs this host.
manage() {
	[ -z "$ROOT" ] && [ -d /run/systemd/system ] || return 0
	if systemctl "$@"; then say restored "systemctl $*"; else complain failed "systemctl $*"; fi
}
