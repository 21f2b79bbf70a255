# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gtune_global_optspecs
    string join \n root= format= color= q/quiet v/verbose h/help V/version
end

function __fish_gtune_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gtune_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gtune_using_subcommand
    set -l cmd (__fish_gtune_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gtune -n "__fish_gtune_needs_command" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_needs_command" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_needs_command" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_needs_command" -s q -l quiet -d 'Print findings and the summary only'
complete -c gtune -n "__fish_gtune_needs_command" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_needs_command" -s V -l version -d 'Print version'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "doctor" -d 'Judge this host for Gunicorn; read-only'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "explain" -d 'Explain a check: what it looks at, why, and how to mend it'
complete -c gtune -n "__fish_gtune_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l skip -d 'Leave this check out; may be given again' -r -f -a "heartbeat-filesystem\t''
heartbeat-space\t''
heartbeat-age\t''
tmpfs-mount\t''
fstab\t''
somaxconn\t''
listen-backlog\t''
listen-overflows\t''
open-file-limit\t''
open-file-usage\t''
system-file-limit\t''
limits-source\t''
task-limit\t''
oom-kills\t''
memory-headroom\t''
oom-policy\t''
stop-timeout\t''
worker-count\t''
version-quirks\t''
control-socket\t''
process-names\t''
sendfile\t''"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l unit -d 'Judge the Gunicorn of this unit only; may be given again' -r
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l pid -d 'Judge the Gunicorn with this master process only' -r
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l fail-on -d 'Exit 1 for findings of this severity or worse [default: warning]' -r -f -a "critical\t'Requests are hurt now'
warning\t'Will hurt under load or at the next reboot'
info\t'Hygiene'"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -l list -d 'List the checks and judge nothing'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -s q -l quiet -d 'Print findings and the summary only'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand explain" -l root -d 'Treat DIR as the host: a mounted image, a chroot, an unpacked support bundle' -r -f -a "(__fish_complete_directories)"
complete -c gtune -n "__fish_gtune_using_subcommand explain" -l format -d 'What to print; prometheus and nagios are for doctor only' -r -f -a "table\t'Tables for people'
json\t'One JSON value and nothing else'
prometheus\t'A file for node_exporter\'s textfile collector'
nagios\t'A Nagios or Icinga plugin, with its exit codes 0 to 3'"
complete -c gtune -n "__fish_gtune_using_subcommand explain" -l color -d 'When to colour; auto is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c gtune -n "__fish_gtune_using_subcommand explain" -s q -l quiet -d 'Print findings and the summary only'
complete -c gtune -n "__fish_gtune_using_subcommand explain" -s v -l verbose -d 'Print all evidence, and what does not apply'
complete -c gtune -n "__fish_gtune_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain help" -f -a "doctor" -d 'Judge this host for Gunicorn; read-only'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain help" -f -a "explain" -d 'Explain a check: what it looks at, why, and how to mend it'
complete -c gtune -n "__fish_gtune_using_subcommand help; and not __fish_seen_subcommand_from doctor explain help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
