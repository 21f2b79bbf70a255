# restore_value NAME LEFT BEFORE [PID START]: a number below /proc/sys, in the network of a process where one is named.
restore_value() {
	name=$1 left=$2 before=$3
	shift 3
	if [ $# -gt 0 ]; then
		if ! is_process "$1" "$2"; then
			say left "$name: pid $1 has ended"
			return 0
		fi
		set -- nsenter -t "$1" -n
	fi
	now=$("$@" cat "/proc/sys/$name")
	if [ "$now" = "$before" ]; then
		say 'already so' "$name"
	elif [ "$now" != "$left" ]; then
		complain differs "$name was changed since, left as it is"
	elif printf '%s\n' "$before" | "$@" tee "/proc/sys/$name" > /dev/null; then
		say restored "$name"
	else
		complain failed "$name"
	fi
}
