//! Argument vectors that are accepted and refused, one a line: `@` stands for what somebody else says, and words with blanks stand
//! between backquotes.

mod programs;
mod properties;
mod variables;

use super::*;
use crate::model::program_text::{program_texts, texts_for_image};

fn words(line: &str) -> Vec<String> {
    as_written(&line.replace('@', "${push.branch}"))
}

fn as_written(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('`').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

fn refused(line: &str) -> Vec<Foreign> {
    let argv = words(line);
    foreign_texts(&argv, &program_texts(&argv))
}

fn refused_of_image(line: &str) -> Vec<Foreign> {
    let args = words(line);
    foreign_texts(&args, &texts_for_image(&args))
}

/// All lines for which an answer is not the one that is wanted.
fn wrong(lines: &str, is_refused: bool, ask: fn(&str) -> Vec<Foreign>) -> Vec<String> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_wrong = |line: &&str| ask(line).is_empty() == is_refused;
    lines.filter(is_wrong).map(str::to_owned).collect()
}

const CODE_BEHIND_FLAGS: &str = "
    node --require dotenv/config -e x('@')
    node --import tsx -e @
    node --env-file .env -e @
    node --input-type module -e @
    node --what-ever x -e @
    node -r ./@ x.js
    node --import=./@ x.js
    ts-node -O {} -e @
    ts-node -P tsconfig.json -e @
    tsx --tsconfig t.json -e @
    ruby --disable gems -e @
    ruby --encoding utf-8 -e @
    ruby -i.bak -pe @ f
    racket -l racket/base -e @
    guile -L . -c @
    nu --config x -c @
    groovy -cp lib -e @
    scala -cp lib -e @
    elixir -r x.exs -e @
    elixir --sname a --eval @
    raku -I lib -e @
    osascript -l JavaScript -e @
    clojure -Sdeps {} -e @
    gawk --assign a=1 /@/
    awk --field-separator : /@/
    awk -F : /@/
    sed -i.new s/x/@/ f
    sed -i.bak s/x/@/ f
    sed -i `` s/x/@/ f
    sed --in-place s/x/@/ f
    sed -n -i -e s/x/@/ f
    perl -i.before -pe s/x/@/ f
    perl -i -pe s/x/@/ f
    perl -CSD -ne @
    python3 --check-hash-based-pycs never -c @
    python3 -u -c @
    php -d a=b -r @
    deno eval @
    deno run @
    julia --project=. -e @
";

const CODE_OF_TOOLS: &str = "
    git fetch --upload-pac=@ .
    git clone -u@ . x
    git grep -O@ a
    git -c alias.x=!@ x
    git -c core.sshCommand=@ fetch
    git -c @ fetch
    git -C dir -c core.pager=@ log
    git submodule foreach `git checkout @`
    git rebase --exec @ main
    git rebase -x @ main
    git filter-branch --msg-filter @
    git filter-branch --tree-filter=@
    git config core.sshCommand @
    git config --global alias.x @
    git config @ x
    git bisect run @
    git clone --upload-pack=@ x
    git clone -c core.fsmonitor=@ x
    git @
    make V=@
    make @
    make -j 4 @
    make --eval @
    make --eval=@
    make all -f @
    tar xf x --to-command=@
    tar --use-compress-program @ -cf x .
    tar cf x -I `zstd @` .
    tar -cI @ -f x .
    docker run --entrypoint sh img -c `echo @`
    docker run --entrypoint=/bin/bash --rm img -lc @
    docker run bash:5.2 -c @
    docker run reg.local:5000/node:20 -e @
    docker run node:20 -e @
    docker run img sh -c @
    docker exec c bash -lc @
    docker-compose run --entrypoint python3 app -c @
    kubectl run x --image=bash --restart=Never -- -c @
    kubectl run x --image python:3 -- -c @
    kubectl exec p -- sh -c @
    script -qec @ /dev/null
    script -qefc @
    su -pc @ user
    su user -lc @
    rsync -aze `ssh -p @` a b
    rsync -avze @ a
    rsync -a --rsh=@ a b
    rsync -a --rsync-path @ a h:b
    nix-shell --run @
    tmux new-session -d `deploy @`
    hyperfine `make @`
    concurrently @
    yarn exec `echo @`
    lerna exec @
    sg docker `x @`
    ansible all -m shell -a `x @`
    ansible-playbook -e x=@ p.yml
    gdb -ex @
    gdb --ex=@
    vim --cmd @
    clickhouse-client --query @
    sqlite3 db `.shell @`
    sqlite3 db `insert ('@')`
    psql -c @
    mysql -e @
    jq `.x == '@'` f
    jq --arg a b @ f
    yq -i `.x = '@'` f
    yq eval `.x = '@'` f
    scp f h:/srv/@
    scp -o ProxyCommand=@ a b
    ssh -I @ h
    ssh h `deploy @`
    ssh -p 22 h deploy @
    sshpass -p x ssh h @
    find . -exec @ ;
    find . -exec sh -c @ ;
    some-runner -c @
    some-runner --pre-command @
    some-runner -Qc @
    go test -exec @
    watch `x @`
    parallel @
    pwsh -Command @
";

const PROGRAMS_AND_VARIABLES: &str = "
    @ x
    timeout 5 @
    ./bin/@ x
    sudo LD_PRELOAD=@ make
    sudo -E BASH_ENV=@ bash x.sh
    env LD_PRELOAD=@ make
    env A=b PATH=@ make
    timeout 5 env GIT_SSH_COMMAND=@ make
    cross-env NODE_OPTIONS=@ node x.js
    poetry run @
    bundle exec @
    timeout --what x sh -c @
    sudo --what x python3 -c @
";

const SCRIPTS: &str = "
    sh -c `sh -c \"echo @\"`
    sh -c `python3 -c \"print('@')\"`
    sh -c `ssh h \"deploy @\"`
    sh -c `ssh h deploy @`
    sh -c `eval @`
    bash -c `source <(echo @)`
    bash -c `bash <(echo \"@\")`
    bash -c `python3 <(echo @)`
    bash -c `source /dev/stdin <<< \"@\"`
    bash -c `bash /dev/stdin <<< @`
    sh -c `echo @ | python3 /dev/stdin`
    sh -c `(printf %s @) | bash`
    sh -c `{ printf %s @; } | bash`
    sh -c `for x in @ b; do echo $x; done | sh`
    sh -c `echo @ | xargs -I{} sh -c {}`
    sh -c `echo @ | xargs -n1 python3 -c`
    bash -c `for (( i=0; i<@; i++ )); do x; done`
    bash -c `declare -i x=@`
    sh -c `eval \"x @\"`
    sh -c `trap \"rm @\" EXIT`
    sh -c `. ./@`
    bash -c `source @`
    bash -c `[[ @ -gt 3 ]]`
    bash -c `if [[ -n x && 3 -lt \"@\" ]]; then x; fi`
    sh -c `echo $(( @ + 1 ))`
    bash -c `(( x = @ ))`
    bash -c `let x=@`
    bash -c `echo $[ @ ]`
    bash -c `echo $${a[@]}`
    bash -c `echo $${a:@}`
    bash -c `a[@]=1`
    sh -c `echo '@'`
    sh -c `echo \\@`
    sh -c `x=$(eval @)`
    sh -c `echo \"$(sh -c \"x @\")\"`
    sh -c `echo $(awk \"/@/\" f)`
    sh -c `sed -i \"s/x/@/\" f`
    sh -c `make @`
    sh -c `a && b || @`
    sh -c `while true; do @; done`
    sh -c `LD_PRELOAD=@ make`
    sh -c `export PATH=\"@:$PATH\"`
    sh -c `export @`
    sh -c `echo @ | sh`
    sh -c `printf %s @ | tr a b | bash -s x`
    sh -c `echo \"print('@')\" | python3 -`
    sh -c `echo @ | ssh h`
    sh -c `echo @ | ssh h bash`
    bash -c `sh <<< \"x @\"`
    sh -c `xargs sh -c \"x @\"`
    sh -c `sudo sh -c \"x @\"`
    sh -c `cd x; node -e \"f('@')\"; y`
    sh -c `git -c core.pager=@ log`
    bash -ceu `eval @`
    env A=b sh -c `eval @`
";

const DATA: &str = "
    ninja -C build/@
    pnpm -C packages/@ test
    go -C dir/@ test
    go test -race -run @
    ctest -C @
    tox -e @
    wget -c https://x/@.tgz
    ssh-keygen -C @ -f k
    docker-compose run -e B=@ app
    docker run -e X=@ python x.py @
    docker run img @
    docker build --build-arg B=@ .
    kubectl exec p -- echo @
    k6 run -e B=@ x.js
    fly deploy -e B=@
    cypress run -e b=@
    eslint -c @ .
    stat -c %s @
    xxd -c 16 @
    git -c user.name=@ commit
    git -c http.https://x.extraHeader=@ fetch
    git config user.email @
    git switch -c @
    git commit -m @
    git push -u origin @
    git -C @ log
    tar -czf @ .
    tar -C @ -xf x
    make -C dir/@ all
    deno run a.ts @
    deno run --allow-net a.ts -e @
    bundle exec ruby x.rb -e @
    poetry run python x.py -c @
    gawk --assign a=@ `{print a}`
    gawk --assign=b=@ `{print b}`
    awk -v x=@ `{print x}`
    bash -s -- @
    bash -s @
    bash x.sh -c @
    python3 x.py -c @
    python3 -u x.py -c @
    python3 -m x @
    python3 -c x @
    node x.js @
    node -r dotenv/config x.js @
    node --max-old-space-size=4096 x.js @
    node --no-warnings x.js @
    node --import tsx x.ts @
    node -e x -- @
    perl -e x -- @
    perl x.pl -e @
    php artisan x @
    npx ts-node x.ts @
    cargo run -- -e @
    grep -e @ f
    echo -e @
    curl -d @ x
    jq --arg b @ `.x == $b` f
    jq -r .x @
    psql -v x=@ -f q.sql
    rsync -az a/@ h:b
    scp @ h:/srv/x
    scp a/@:b h:/srv/x
    find . -name @
    find . -type f -newer @
    terraform apply -var b=@
    gradle -Pb=@
    svn ci -m @
    aws s3 cp f s3://b/@
    sudo -u x make-it @
    nice -n 5 tool @
    ssh h uptime
    env A=@ make
    xargs -n 1 tool @
";

const DATA_IN_SCRIPTS: &str = "
    sh -c `echo @`
    sh -c `echo \"$HOME/@\" > \"$X\"; echo on @`
    sh -c `test \"@\" = main && echo yes || echo no`
    sh -c `[ \"@\" -gt 3 ]`
    bash -c `[[ @ == main ]] && [[ \"@\" =~ x ]]`
    bash -c `if [[ -n @ && (a < b) ]]; then echo; fi`
    sh -c `case @ in main) x;; *) y;; esac`
    sh -c `for x in @ b; do echo $x; done`
    sh -c `x=@; export Y=\"$x\"`
    sh -c `X=@ tool`
    sh -c `git commit -m \"@\" || true`
    sh -c `cd \"@\" && tool @`
    sh -c `tool <in >\"@\" 2>&1`
    sh -c `printf '%s' \"@\"`
    sh -c `echo $(echo @ | wc -c)`
    sh -c `printf %s @ | ssh h cat`
    sh -c `sh -c 'echo \"$1\"' x @`
    sh -c `sh -c 'echo \"@\"'`
    sh -c `trap 'rm \"@\"' EXIT`
    sh -c `echo $${X:-@}`
    sh -c `echo $((1 + 2)) @`
    sh -c `python3 x.py @`
    sh -c `awk -v x=@ '{print x}' f`
    sh -c `node -e 'f()' -- @`
    sh -c `# it's @`
    sh -c `{ echo @; } | cat; (echo @)`
    bash -c `diff <(echo @) <(cat f)`
    sh -c `echo @ | xargs -n 1 tool`
    bash -c `declare x=@`
    sh -c `f() { echo @; }; f`
    sh -c `! tool @`
    sh -c `command -v @`
    sh -c `echo \"a 'b' @\"`
    sh -c `echo \\\"@\\\"`
    flock -n x -c `echo @`
";

#[test]
fn ym_23_vectors_that_would_carry_out_what_others_say_are_refused() {
    for lines in [CODE_BEHIND_FLAGS, CODE_OF_TOOLS, PROGRAMS_AND_VARIABLES, SCRIPTS] {
        assert_eq!(wrong(lines, true, refused), Vec::<String>::new());
    }
}

#[test]
fn ym_23_vectors_in_which_it_is_data_are_not() {
    for lines in [DATA, DATA_IN_SCRIPTS] {
        assert_eq!(wrong(lines, false, refused), Vec::<String>::new());
    }
}

#[test]
fn ym_23_documents_of_a_script_are_looked_at() {
    let script = |text: &str| {
        let argv = ["sh", "-c", text];
        !foreign_texts(&argv, &program_texts(&argv)).is_empty()
    };
    for data in [
        "cat <<EOF\non ${push.branch}\nEOF\necho ${push.branch}",
        "cat > f <<-X\n\ta ${push.branch}\n\tX\ntool",
        "# a comment: ${push.branch}'\necho x",
        "if [[ a == b ]]\nthen echo ${push.branch}\nfi",
    ] {
        assert!(!script(data), "{data}");
    }
    for code in [
        "python3 - <<EOF\nprint('${push.branch}')\nEOF\n",
        "sh <<EOF\nx ${push.branch}\nEOF",
        "cat <<'EOF'\n${push.branch}\nEOF\n",
        "cat <<EOF\n$(eval ${push.branch})\nEOF\n",
        "cat <<EOF\nx\nEOF\neval ${push.branch}",
    ] {
        assert!(script(code), "{code}");
    }
}

#[test]
fn ym_23_arguments_for_an_image_are_looked_at_whatever_it_runs() {
    let code = "
        -c `echo @`
        -e x('@')
        python3 -c print('@')
        sh -c `eval @`
        -ceu @
        --eval=@
        nice python3 -c @
        ssh h @
    ";
    let data = "
        @
        publish @
        --tag @ .
        sh -c `echo @`
        timeout 5 sh -c `echo @`
        buildah build --tag app:@ .
        python3 x.py @
    ";
    assert_eq!(wrong(code, true, refused_of_image), Vec::<String>::new());
    assert_eq!(wrong(data, false, refused_of_image), Vec::<String>::new());
}

#[test]
fn a_long_line_takes_no_longer_than_it_is() {
    let many = |word: &str| [word, "@"].map(|word| vec![word; 5_000]).concat().join(" ");
    for line in [
        format!("tool {}", many("ssh")),
        format!("docker run --entrypoint sh {}", many("--entrypoint=sh")),
        format!("sh -c `[[ {} ]]`", many("a")),
        format!("sh -c `{}`", many("'b'")),
    ] {
        refused(&line);
    }
    assert!(!refused(&format!("tool {} sh -c @", "sh ".repeat(100))).is_empty());
}

#[test]
fn b7_what_stands_in_itself_ends_as_well() {
    for piece in [
        "nice ",
        "command ",
        "function a ",
        "$((",
        "$${a:-",
        "$${a[",
        "`$(",
        "a=(",
        "[[ ",
        "<(",
        "eval '",
        "{ ",
    ] {
        let script = format!("{} \"$1\"", piece.repeat(5_000));
        foreign_texts(
            &["bash", "-c", &script, "x", "${push.branch}"],
            &program_texts(&["bash", "-c", &script]),
        );
        Script::read(&script, "bash").beginnings();
    }
    assert!(!refused(&format!("{} @", "nice ".repeat(5_000))).is_empty());
    assert!(!refused(&format!("bash -c `echo {} $1` x @", "$((".repeat(500))).is_empty());
}

#[test]
fn people_are_told_what_to_do_instead() {
    let told = |line: &str| {
        let found = refused(line).into_iter().next().unwrap();
        format!("{} ({})", found.message, found.hint)
    };
    let lines = [
        "node -e x @",
        "make V=@",
        "ssh h `x @`",
        "sh -c `ssh h x @`",
        "sh -c `echo '@'`",
        "bash -c `[[ @ -gt 3 ]]`",
        "sh -c `python3 -c \"@\"`",
        "sudo PATH=@ make",
        "timeout 5 @",
        "sh -c `sed \"s/V/@/\" f`",
        "sh -c `ssh h \"x $1\"` x @",
        "sh -c `y=$1; eval \"$y\"` x @",
        "bash -c `(( $1 > 3 ))` x @",
        "bash -c `echo $${!ATOMIST_BRANCH}`",
        "bash -c `source \"$1\"` x @",
        "bash -c `unset \"$1\"` x @",
        "sh -c `\"$1\" x` x @",
        "sh -c `PATH=\"$1\" x` x @",
        "perl -pe s/a/b/ @",
        "less @",
        "env ENV=@ x",
        "npm run @",
    ];
    insta::assert_snapshot!(lines.map(told).join("\n"), @r#"
    `node` carries out what stands here, and `${push.branch}` would let others choose it (put `--` before it: the program may take it for a flag)
    `make` carries out what stands here, and `${push.branch}` would let others choose it (let it take that from a variable set by `env`, and quote the variable where it is used)
    `ssh` carries out what stands here, and `${push.branch}` would let others choose it (the other computer's shell reads it as program text: in a script, send it on standard input, `printf '%s\n' "$1" | ssh host 'read -r v; deploy "$v"'`, or quote it for a bash there, `ssh host "deploy $(printf %q "$1")"`)
    `ssh` carries out what stands here, and `${push.branch}` would let others choose it (the other computer's shell reads it as program text: in a script, send it on standard input, `printf '%s\n' "$1" | ssh host 'read -r v; deploy "$v"'`, or quote it for a bash there, `ssh host "deploy $(printf %q "$1")"`)
    a shell fills in nothing between single quotes, so `${push.branch}` would not be seen there (use double quotes, or pass it behind the script and write `"$1"`)
    `[[` carries out what stands here, and `${push.branch}` would let others choose it (shells carry out what stands in arithmetic: check first that it is a number, with `case` or `[`, or keep only its digits: `n=$(printf %s "$1" | tr -cd 0-9)`)
    `python` carries out what stands here, and `${push.branch}` would let others choose it (pass it behind the script, and let the program there take `"$1"` as an argument of its own)
    `PATH` decides what programs load or whom they talk to, and `${push.branch}` would let others choose it (write the value out; of placeholders only `${home}` and `${values.…}` may stand in it)
    this is a program, and `${push.branch}` would let others choose it (write the program, and give it what a push says as an argument)
    `sed` carries out what stands here, and `${push.branch}` would let others choose it (sed has no place for data: use `perl -pe 's/V/$ENV{V}/'` or `awk` with `ENVIRON["V"]`, and set `V` by `env`)
    `ssh` carries out what stands here, and others say what `$1` holds (the other computer's shell reads it as program text: in a script, send it on standard input, `printf '%s\n' "$1" | ssh host 'read -r v; deploy "$v"'`, or quote it for a bash there, `ssh host "deploy $(printf %q "$1")"`)
    `eval` carries out what stands here, and others say what `$y` holds (write the code out between single quotes, and give it the value behind it, as `"$1"`; without `eval` a variable in double quotes is data)
    `$((…))` carries out what stands here, and others say what `$1` holds (shells carry out what stands in arithmetic: check first that it is a number, with `case` or `[`, or keep only its digits: `n=$(printf %s "$1" | tr -cd 0-9)`)
    `${!…}` carries out what stands here, and others say what `$ATOMIST_BRANCH` holds (write the name of the variable out: shells carry out what stands in the brackets of a name)
    `source` carries out what stands here, and others say what `$1` holds (write the name of the script out, and let it find the value in a variable or an argument)
    `unset` carries out what stands here, and others say what `$1` holds (write the name of the variable out: shells carry out what stands in the brackets of a name)
    this is a program, and others say what `$1` holds (write the program, and give it what a push says as an argument)
    `PATH` decides what programs load or whom they talk to, and others say what `$1` holds (write the value out; of placeholders only `${home}` and `${values.…}` may stand in it)
    `perl` carries out what stands here, and `${push.branch}` would let others choose it (perl runs a file whose name ends with `|`: give it the text on standard input, `perl … < file`)
    `less` carries out what stands here, and `${push.branch}` would let others choose it (write `--` and `./` before the name of a file: what begins with `+` is a command to it)
    `ENV` decides what programs load or whom they talk to, and `${push.branch}` would let others choose it (call it something else, such as `TARGET` or `APP_ENV`: shells read the file that `ENV` names when they begin)
    `npm` carries out what stands here, and `${push.branch}` would let others choose it (write out which of them it runs; give that values behind `--`, or by a variable set by `env`)
    "#);
}
