//! Scripts that are given what others say, by an argument or by `$B`, which stands for a variable of the author that holds it.

use super::*;

fn refused_beside(line: &str) -> Vec<Foreign> {
    let argv = as_written(&line.replace("{P}", "${push.branch}"));
    let variables = BTreeSet::from(["B".to_owned()]);
    foreign_texts_beside(&argv, &program_texts(&argv), &variables)
}

const COUNTED: &str = "
    bash -c `(( $1 > 3 ))` x {P}
    bash -c `if (( B > 3 )); then x; fi`
    bash -c `(( n = B + 1 ))`
    sh -c `echo $(( $B + 1 ))`
    sh -c `echo $((B + 1))`
    sh -c `echo \"$((1 + $${B}))\"`
    bash -c `echo $[ $1 ]` x {P}
    bash -c `let n=$B`
    bash -c `let n=B+1`
    bash -c `[[ $B -eq 3 ]]`
    bash -c `[[ 3 -lt \"$1\" && -n x ]]` x {P}
    bash -c `[[ B -eq 3 ]]`
    bash -c `n=$1; (( n++ ))` x {P}
    bash -c `for (( i = 0; i < $1; i++ )); do x; done` x {P}
    bash -c `declare -i n=$B`
    bash -c `declare -i n; n=$B`
    bash -c `local -i n=\"$1\"` x {P}
    bash -c `echo $${a[$B]}`
    bash -c `echo $${a[B]}`
    bash -c `a[$B]=1`
    bash -c `echo $${x:$B}`
    bash -c `echo $${x:0:B}`
    bash -c `echo $${B[0]} $${a[$${B}]}`
    bash -c `y=$(echo \"$B\"); (( y > 1 ))`
    bash -c `read -r n <<<\"$B\"; (( n > 1 ))`
    bash -c `echo \"$1\" | while read -r n; do (( t += n )); done` x {P}
    bash -c `mapfile -t a < <(printf %s \"$1\"); echo $(( a ))` x {P}
    bash -c `f() { echo $(( $1 + 1 )); }; f \"$B\"`
    bash -c `set -- \"$B\"; echo $(( $1 ))`
    bash -c `for n in \"$@\"; do (( t += n )); done` x {P}
    bash -c `for n; do (( t += n )); done` x {P}
    bash -c `shift; echo $(( $1 ))` x a {P}
    bash -c `while getopts n: o; do (( OPTARG )); done` x {P}
    bash -c `printf -v n %s \"$B\"; (( n ))`
    bash -c `a=(1 \"$B\"); (( a[1] ))`
    bash -c `(( $(cat <<<\"$B\") > 1 ))`
    sh -c `sh -c 'echo $(( $1 ))' x \"$B\"`
    sh -c `sh -c \"echo \\$(( \\$1 ))\" x \"$B\"`
    sh -c `sh -c 'echo $((B))'`
    bash -c `(( ATOMIST_BRANCH ))`
    bash -c `re='^[0-9]+'; [[ $B =~ $re ]]; (( B++ ))`
    ksh -c `[ \"$B\" -gt 3 ]`
    zsh -c `test $B -lt 3`
    sh -c `zsh -c '[ $1 -gt 3 ]' x \"$B\"`
    bash -c `(( SDM_PARAMETER_COUNT > 1 ))`
    bash -c `for i in 1 2; do (( p )); p=$1; done; p=$(printf %s \"$p\" | tr -cd 0-9); echo` x {P}
    bash -c `p=$1; p=$${p//[^0-9]/}; for i in 1 2; do (( p++ )); p=$1; done` x {P}
    bash -c `f() { p=$1; }; p=$${p//[^0-9]/}; f \"$B\"; (( p ))`
    bash -c `p=$1; p=$${p//[^0-9]/}; read p <<<\"$B\"; (( p ))` x {P}
    bash -c `p=$1; p=$${p//[^0-9a-z]/}; (( p ))` x {P}
    bash -c `p=$1; p=\"$${p//[^0-9]/}$B\"; (( p ))` x {P}
    bash -c `p=$1; p=$(printf %s \"$p\" | tr -cd 0-9a-z | head -1); (( p ))` x {P}
    bash -c `case $B in *[!0-9a-z]*) exit;; esac; (( B ))`
";

const NAMED: &str = "
    bash -c `echo $${!B}`
    bash -c `echo $${!1}` x {P}
    bash -c `echo \"$${B@P}\"`
    bash -c `unset \"$1\"` x {P}
    bash -c `read -r \"$B\"`
    bash -c `printf -v \"$B\" x`
    bash -c `declare \"$B=1\"`
    bash -c `declare -n ref=$B`
    bash -c `export \"$1\"` x {P}
    bash -c `typeset $B`
    bash -c `local $B`
    bash -c `readonly \"$1=x\"` x {P}
    bash -c `[ -v \"$B\" ]`
    bash -c `test -v $B`
    bash -c `[[ -v $1 ]]` x {P}
    bash -c `[[ -R $1 ]]` x {P}
    bash -c `mapfile -t \"$B\"`
    bash -c `wait -n -p \"$B\"`
    bash -c `mapfile -C \"$B\" a`
    bash -c `getopts abc \"$B\"`
";

const READ_AS_CODE: &str = "
    sh -c `eval \"$1\"` x {P}
    sh -c `eval $B`
    sh -c `y=$B; eval \"$y\"`
    sh -c `z=$y; y=$1; eval \"$z\"` x {P}
    sh -c `eval 'eval \"$B\"'`
    sh -c `eval \"$@\"` x a {P}
    sh -c `eval \"$*\"` x {P}
    sh -c `trap \"$B\" EXIT`
    sh -c `trap 'eval \"$B\"' EXIT`
    sh -c `. \"$1\"` x {P}
    bash -c `source ./$B`
    bash -c `source <(echo \"$B\")`
    bash -c `bash < <(echo \"$B\")`
    bash -c `bash <<<\"$B\"`
    bash -c `exec 3<<<\"$B\"; . /dev/fd/3`
    bash -c `exec <<<\"$B\"; sh`
    sh -c `$B x`
    sh -c `\"$1\"` x {P}
    sh -c `./bin/$B`
    sh -c `timeout 5 \"$1\"` x {P}
    sh -c `sh -c \"echo $B\"`
    sh -c `sh -c \"$1\"` x {P}
    sh -c `sh -c 'eval \"$1\"' x \"$B\"`
    sh -c `sh -c 'eval \"$B\"'`
    sh -c `python3 -c \"print('$B')\"`
    sh -c `python3 -c \"$1\"` x {P}
    sh -c `ssh h \"deploy $B\"`
    sh -c `ssh h deploy \"$1\"` x {P}
    sh -c `sed -i \"s/V/$B/\" f`
    sh -c `awk \"/$B/\" f`
    sh -c `jq \".x == \\\"$B\\\"\" f`
    sh -c `make \"$1\"` x {P}
    sh -c `make V=\"$B\"`
    sh -c `git -c core.pager=\"$B\" log`
    sh -c `find . -exec \"$B\" ;`
    sh -c `echo \"$B\" | sh`
    sh -c `echo \"$1\" | xargs -n1 sh -c` x {P}
    sh -c `LD_PRELOAD=$B make`
    sh -c `export PATH=\"$1:$PATH\"; x` x {P}
    sh -c `cat <<E | sh
$B
E`
    sh -c `sh <<E
echo $B
E`
    sh -c `x() { eval \"$1\"; }; x \"$B\"`
    bash -c `function x { eval \"$1\"; }; x \"$B\"`
    bash -c `function x { eval \"{P}\"; }`
    sh -c `if true; then eval \"$B\"; fi`
    sh -c `case \"$B\" in *) eval \"$B\";; esac`
    sh -c `x=$(basename \"$B\"); eval \"$x\"`
    sh -c `x=\"$${B%%/*}\"; eval \"$x\"`
    sh -c `x=$${B:-y}; $x`
    sh -c `x=$(if a; then echo \"$B\"; fi); eval $x`
    sh -c `x=$(echo \"$B\"; true); eval $x`
    sh -c `f() { echo \"$1\"; }; x=$(f \"$B\"); eval $x`
    sudo sh -c `eval \"$1\"` x {P}
    timeout 5 bash -c `eval \"$1\"` x {P}
    perl -pe s/a/b/ {P}
    sh -c `perl -ne 'print' \"$1\"` x {P}
    sh -c `eval \"$ATOMIST_BRANCH\"`
    sh -c `command eval \"$B\"`
    bash -c `tee >(bash) <<<\"$B\"`
    bash -c `f() { bash; }; echo \"$B\" | f`
    bash -c `f() { sh -s; }; f <<<\"$1\"` x {P}
    bash -c `f() { echo \"$B\"; }; eval \"$(f)\"`
    bash -c `f() { g; }; g() { echo \"$B\"; }; x=$(f a); (( x ))`
    bash -c `declare -n q=B; eval \"$q\"`
    bash -c `q=B; eval \"$${!q}\"`
    bash -c `echo \"$B\" > >(sh)`
    bash -c `y=$(f() { echo \"$1\"; }; f \"$B\"); eval \"$y\"`
    bash -c `y=$( (echo x); echo \"$B\" ); eval \"$y\"`
    bash -c `y=$(case a in a) echo \"$B\";; esac); eval \"$y\"`
    bash -c `: $${y:=$B}; eval \"$y\"`
    bash -c `: \"$${y=$1}\"; $y` x {P}
    bash -c `[[ $B =~ x(.*) ]] && eval \"$${BASH_REMATCH[1]}\"`
    sh -c `builtin . \"$B\"`
    env X={P} sh -c `eval \"$X\"`
    env A=b X=a/{P} sh -c `y=$X; $y`
    sh -c `env X=\"$B\" sh -c 'eval \"$X\"'`
    sh -c `X=\"$B\" sh -c 'eval \"$X\"'`
    sh -c `psql -c \"select '$B'\"`
    sh -c `echo \"select '$B'\" | psql`
    sh -c `mysql db <<E
select '$B'
E`
    bash -c `dc <<<\"$B\"`
    sh -c `echo \"$B\" | at now`
    sh -c `echo \"$B\" | crontab -`
    bash -c `enable -f \"$B\" x`
    bash -c `compgen -W \"$B\"`
    sh -c `eval \"$SDM_PARAMETER_X\"`
    bash -c `cmd=(\"$B\" x); \"$${cmd[@]}\"`
    bash -c `cmd=(sh -c \"$B\"); \"$${cmd[@]}\"`
    bash -c `cmd=(sh -c); \"$${cmd[@]}\" \"$1\"` x {P}
    bash -c `cmd=(eval); \"$${cmd[@]}\" \"$B\"`
    bash -c `args=(-c \"$B\"); python3 \"$${args[@]}\"`
    bash -c `args=(-x); args+=(-c \"$B\"); sudo sh \"$${args[@]}\"`
    bash -c `base=(sh -c); cmd=(\"$${base[@]}\" \"$B\"); timeout 5 \"$${cmd[@]}\"`
    bash -c `cmd=(x y); cmd[0]=$B; \"$${cmd[@]}\"`
    bash -c `cmd=(x); cmd=($B); \"$${cmd[@]}\"`
    bash -c `cmd=(x); read -ra cmd <<<\"$B\"; \"$${cmd[@]}\"`
    bash -c `[ -n x ] || B=(x); \"$${B[@]}\"`
    sh -c `RUN='sh -c'; $RUN \"$B\"`
    sh -c `RUN=\"ssh host\"; $RUN \"$1\"` x {P}
    sh -c `RUN=\"sh -c $B\"; $RUN`
    sh -c `B=$(printf %q \"$B\"); python3 -c \"x $B\"`
    zsh -c `path=\"$B\"`
    bash -c `sh < \"scripts/$B.sh\"`
    sh -c `x=$(sudo echo \"$B\"); eval \"$x\"`
    sh -c `x=$(timeout 5 printf %s \"$B\"); eval \"$x\"`
    sh -c `psql <\"$B\"`
    sh -c `vim +\"$B\" f`
    sh -c `less \"+!$B\" f`
    sh -c `x=$(command -v \"$B\"); \"$x\"`
    sh -c `x=$(find . -name \"$B.sh\"); sh \"$x\"`
    sh -c `\"$@\"` x {P}
    sh -c `exec \"$@\"` x {P}
";

const DATA_IN_VARIABLES: &str = "
    bash -c `n=$(timeout 5 git rev-list --count \"$B\"); (( n > 3 ))`
    sh -c `cat < \"$B\"; psql < x.sql; n=$(find \"./$B\" | wc -l); echo \"$n\"`
    sh -c `while read -r line; do echo \"$line\"; done < \"$B\"`
    sh -c `p=$1; p=$(printf %s \"$p\" | tr -cd 0-9); echo $((p + 1))` x {P}
    sh -c `B=$(printf %s \"$B\" | tr -cd 0-9); echo $((B + 1))`
    bash -c `p=$1; p=$${p//[^0-9]/}; (( p++ ))` x {P}
    bash -c `p=$1; p=\"$${p//[!0-9]/}\"; p=$((p + 1)); echo $(( p * 2 ))` x {P}
    bash -c `p=$1; p=$(echo \"$p\" | grep -oE '[0-9]+' | head -1); (( p > 3 ))` x {P}
    bash -c `p=$(grep -oE '[0-9]+' <<<\"$1\" | sort | tail -n 1); (( p > 3 ))` x {P}
    bash -c `major=$${B%%[^0-9]*}; (( major > 3 ))`
    sh -c `B=$(printf %q \"$B\"); ssh h \"deploy $B\"`
    bash -c `cmd=(docker build -t \"x:$B\" .); \"$${cmd[@]}\"`
    bash -c `cmd=(docker build); cmd+=(--tag \"$1\"); sudo \"$${cmd[@]}\" .` x {P}
    bash -c `if x; then cmd=(npm); else cmd=(yarn); fi; \"$${cmd[@]}\" add -- \"$B\"`
    bash -c `args=(--tag \"$B\"); docker build \"$${args[@]}\" .`
    sh -c `RUN=\"docker run --rm -e B=$B img\"; $RUN`
    sh -c `path=\"$B/x\"; env=\"$1\"; cat \"./$path\"` x {P}
    bash -c `source ./env.sh \"$B\"`
    bash -c `source ./env.sh \"$1\"` x {P}
    sh -c `. ./env.sh {P}`
    sh -c `echo \"$B\" \"$1\"` x {P}
    sh -c `sh x.sh \"$B\"`
    sh -c `eval \"$y\"` x {P}
    sh -c `eval \"$(ssh-agent -s)\"; x \"$B\"`
    sh -c `trap 'rm -f \"$B\"' EXIT`
    sh -c `trap cleanup \"$B\"`
    sh -c `x=$B; y=\"a $x\"; tool -- \"$y\"`
    sh -c `export X=\"$B\"`
    bash -c `declare x=$B; local y=$1; readonly z=\"$B\"` x {P}
    bash -c `[[ $B == main && \"$1\" =~ x ]]` x {P}
    bash -c `[[ -n $B ]] && [[ 3 -lt 4 ]]`
    sh -c `[ \"$B\" -gt 3 ] && echo`
    sh -c `[ \"$B\" = x ] || test -n \"$1\"` x {P}
    sh -c `case $B in a) x;; *) y;; esac`
    sh -c `for x in $B c; do echo \"$x\"; done`
    sh -c `unset B x; read -r y; printf -v z %s a`
    sh -c `echo \"$${#B}\" $(( $${#B} + 1 ))`
    sh -c `echo $${B#x} $${B%/*} $${B:-z} $${B/a/b}`
    bash -c `echo $${B:0:3} $${!a@} $${!a[@]}`
    bash -c `echo \"$${B@Q}\"; eval \"x $${B@Q}\"`
    bash -c `declare -A m; m[$B]=1; echo \"$${m[$B]}\"`
    bash -c `a=(\"$B\" -x {P}); tool -- \"$${a[@]}\"`
    bash -c `a+=(\"$1\")` x {P}
    sh -c `n=$(printf %s \"$B\" | tr -cd 0-9); echo $(( n + 1 ))`
    bash -c `n=$(grep -oE '^[0-9]+' <<<\"$B\"); (( n ))`
    sh -c `case $B in *[!0-9]*|'') exit 1;; esac; echo $(( B + 1 ))`
    sh -c `case $B in
  ''|*[!0-9]*) exit 1;;
esac
n=$B; echo $(( n + 1 ))`
    bash -c `[[ $1 =~ ^[0-9]+$ ]] || exit 1; n=$1; (( n++ ))` x {P}
    bash -c `re='^[0-9]+$'; if ! [[ $B =~ $re ]]; then exit 1; fi; (( B++ ))`
    bash -c `[[ $B =~ ^v([0-9]+)\\.([0-9]+)$ ]] && n=$(( BASH_REMATCH[1] + 1 ))`
    bash -c `[[ $B =~ ^([0-9]+)$ ]] || exit; (( B++ ))`
    bash -c `f() { cat; }; echo \"$B\" | f`
    bash -c `f() { echo \"$B\"; }; g() { cat VERSION; }; f; (( $(g) > 1 ))`
    bash -c `f() { { echo x; }; }; echo \"$B\"; eval \"$(f)\"`
    bash -c `q=B; echo \"$${!q}\"`
    bash -c `tee >(cat) >(wc -c) <<<\"$B\"; wait -n -p pid`
    bash -c `y=$(case \"$B\" in a) echo 1;; *) echo 2;; esac); echo \"$y\"`
    bash -c `x=$( (cd /; pwd) ); echo \"$B\" \"$x\"`
    bash -c `[ \"$B\" -ge 0 ] || exit 1; (( B++ ))`
    bash -c `n=$${B//[^0-9]/}; (( n + $${1//[!0-9]} ))` x {P}
    bash -c `n=$(grep -c \"$B\" f); m=$(printf %03d \"$B\"); (( n > m ))`
    bash -c `c=$(git rev-list --count \"$B\"); (( c > 5 ))`
    bash -c `[[ $(wc -l < \"$B\") -gt 3 ]]`
    bash -c `[[ $(git rev-list --count {P}) -gt 3 ]]`
    bash -c `while read -r n; do (( t += n )); done < counts; echo \"$B\"`
    sh -c `ssh h \"deploy $(printf %q \"$B\")\"`
    sh -c `q=$(printf %q \"$1\"); ssh h \"deploy $q\"` x {P}
    sh -c `printf '%s\\n' \"$1\" | ssh host 'read -r v; deploy \"$v\"'` x {P}
    sh -c `sh -c 'echo \"$1\"' x \"$B\"`
    sh -c `sh -c \"echo \\\"\\$1\\\"\" x \"$B\"`
    sh -c `V=\"$B\" perl -pe 's/V/$ENV{V}/' f`
    sh -c `awk -v v=\"$B\" '{print v}' f`
    sh -c `awk 'BEGIN {print ENVIRON[\"B\"]}'`
    sh -c `jq --arg b \"$B\" '.x == $b' f`
    sh -c `python3 -c 'import sys' \"$B\"`
    sh -c `python3 x.py \"$B\"`
    sh -c `git commit -m \"$B\"`
    sh -c `curl -d \"$B\" x; docker run -e X=\"$B\" img`
    sh -c `cat <<E > f
$B
E`
    sh -c `echo \"$B\" | tee f | wc -c`
    sh -c `f() { echo \"$1\"; }; f \"$B\"`
    sh -c `f() { eval \"$1\"; }; f x`
    bash -c `exec 3<<<\"$B\"; cat <&3`
    sh -c `${values.tool} \"$B\"`
    sh -c `eval \"$1\"` x ${sha}
    sh -c `find . -name \"$B\" -exec rm -- {} +`
    sh -c `x=1; while [ $x -lt 3 ]; do x=$((x+1)); done; echo \"$B\"`
    bash -c `shopt -s x; for ((i=0;i<3;i++)); do echo \"$B\"; done`
    sh -c `PATH=\"$HOME/bin:$PATH\" tool -- \"$B\"`
    bash -c `exec ./x \"$B\"`
    sh -c `set -eu; tool \"$@\"` x {P}
    sh -c `psql -v b=\"$B\" <<'E'
select :'b'
E`
    sh -c `psql -f x.sql <<<\"$B\"`
    sh -c `command -v \"$B\"; command ls -- \"$B\"`
    env X={P} sh -c `echo \"$X\"`
    sh -c `if [ -z \"$B\" ]; then exit 1; else tool \"$B\"; fi`
    sh -c `d=$(mktemp -d); trap \"rm -rf $d\" EXIT; tool \"$B\"`
";

#[test]
fn d8_what_a_script_is_given_is_followed_to_where_it_would_be_code() {
    for lines in [COUNTED, NAMED, READ_AS_CODE] {
        assert_eq!(wrong_of(lines, true), Vec::<String>::new());
    }
}

#[test]
fn d8_what_a_script_is_given_may_be_data() {
    assert_eq!(wrong_of(DATA_IN_VARIABLES, false), Vec::<String>::new());
}

/// Lines may go on in the next ones between backquotes.
fn wrong_of(lines: &str, is_refused: bool) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in lines.lines() {
        match all.last_mut() {
            Some(last) if count(last) % 2 == 1 => *last = format!("{last}\n{line}"),
            _ => all.push(line.trim_start().to_owned()),
        }
    }
    all.retain(|line| !line.is_empty() && refused_beside(line).is_empty() == is_refused);
    all
}

fn count(line: &str) -> usize {
    line.matches('`').count()
}
