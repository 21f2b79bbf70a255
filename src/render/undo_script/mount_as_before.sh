# mount_as_before DIRECTORY TYPE SOURCE OPTIONS
mount_as_before() {
	options=$4
	if mountpoint -q "$ROOT$1"; then
		if [ "$(stat -f -c %T "$ROOT$1")" != "$2" ]; then
			complain differs "$1 was changed since, left as it is"
			return 0
		fi
		options=remount,$4
	fi
	if mount -t "$2" -o "$options" "$3" "$ROOT$1"; then say restored "$1"; else complain failed "$1"; fi
}
