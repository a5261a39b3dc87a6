"""Contexts that Docker builds, one behaviour each. expected/NAME.json says what came out; run.py compares imgb with it.

BASE is `FROM base`: a static busybox, /etc/passwd and /etc/group, /tmp with 1777, a folder owned by 1000, links.
"""
import dataclasses
import typing

from context import File, Folder, HardLink, Link, Tar


@dataclasses.dataclass
class Case:
    dockerfile: str
    files: dict = dataclasses.field(default_factory=dict)
    flags: list = dataclasses.field(default_factory=list)
    says: typing.Optional[str] = None  # part of the error; the build must fail
    differs: str = ""  # where imgb differs on purpose: why. Its own expectation is recorded then.


CASES = {}


def case(name, dockerfile, files=None, flags=None, says=None, differs=""):
    assert name not in CASES, name
    CASES[name] = Case(dockerfile, files or {}, flags or [], says, differs)


BASE_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\napp:x:1000:1001:app:/home/app:/bin/sh\nnobody:x:65534:65534:n:/:/bin/false\n",
    "etc/group": "root:x:0:\ndaemon:x:1:app\nstaff:x:50:app\napp:x:1001:\nnogroup:x:65534:\n",
    "tmp": Folder(0o1777), "home/app": Folder(0o700), "root": Folder(0o700), "var/lib/data": Folder(0o750), "opt/real/sub": Folder(),
    "opt/link": Link("real"), "opt/abs": Link("/opt/real"), "opt/out": Link("../../../../opt/real"), "opt/dangling": Link("/opt/made"),
    "opt/file": "old\n", "opt/filelink": Link("file"),
}
BASE = "FROM scratch\nCOPY . /\nRUN [\"/bin/busybox\", \"chown\", \"1000:1001\", \"/home/app\"]\nENV PATH=/bin BASE=yes\nCMD [\"sh\"]\n"

TREE = {"a.txt": "a\n", "b.txt": "b\n", "dir/one": "1\n", "dir/two": "2\n", "dir/sub/deep": "deep\n", "dir/sub/more/x.txt": "x\n", "empty": Folder(),
        "run.sh": File("#!/bin/sh\necho run\n", 0o755), "secret": File("s\n", 0o600), "link": Link("a.txt"), "dirlink": Link("dir"), "dir/inner": Link("one")}

# --- COPY: destinations ---
for name, to in {"file-to-folder-slash": "/d/", "file-to-file": "/d", "file-to-deep": "/x/y/z", "file-to-deep-slash": "/x/y/z/", "file-to-existing-folder": "/opt/real",
                 "file-through-link": "/opt/link/", "file-through-absolute-link": "/opt/abs/f", "file-through-escaping-link": "/opt/out/f", "file-onto-link": "/opt/filelink",
                 "file-onto-dangling": "/opt/dangling", "file-below-dangling": "/opt/dangling/f", "file-to-root": "/", "file-to-dot": ".", "file-to-relative": "r/s", "file-to-dotdot": "/../../esc"}.items():
    case(f"copy-{name}", f"FROM base\nCOPY a.txt {to}\n", TREE)
for name, to in {"folder-to-new": "/d", "folder-to-new-slash": "/d/", "folder-to-existing": "/opt/real", "folder-to-root": "/", "folder-through-link": "/opt/link", "folder-onto-dangling": "/opt/dangling",
                 "folder-deep": "/x/y/z", "folder-to-private": "/home/app", "folder-to-tmp": "/tmp"}.items():
    case(f"copy-{name}", f"FROM base\nCOPY dir {to}\n", TREE)
case("copy-folder-dot", "FROM base\nCOPY dir/. /d/\n", TREE)
case("copy-all", "FROM base\nCOPY . /all/\n", TREE)
case("copy-all-workdir", "FROM base\nWORKDIR /w/x\nCOPY . .\n", TREE)
case("copy-file-over-folder", "FROM base\nCOPY dir /opt/file\n", TREE, says="non-directory")
case("copy-folder-over-file", "FROM base\nCOPY tree /opt/\n", {"tree/real": "a file\n"}, says="/opt/real")
case("copy-many", "FROM base\nCOPY a.txt b.txt run.sh /m/\n", TREE)
case("copy-many-json", "FROM base\nCOPY [\"a.txt\", \"sp ace\", \"/m/\"]\n", {**TREE, "sp ace": "s\n"})
case("copy-modes-kept", "FROM base\nCOPY run.sh secret suid /m/\n", {**TREE, "suid": File("x\n", 0o4755)})
case("copy-source-link-followed", "FROM base\nCOPY link /m/\nCOPY dirlink /n/\n", TREE)
case("copy-nested-link-kept", "FROM base\nCOPY dir /n/\n", TREE)
case("copy-hard-links", "FROM base\nCOPY h /h/\n", {"h/a": "same\n", "h/b": HardLink("h/a")})
case("copy-empty-folder", "FROM base\nCOPY empty /e\n", TREE)
case("copy-source-mode-of-folder", "FROM base\nCOPY p /p\n", {"p": Folder(0o700), "p/q": Folder(0o711), "p/q/f": "f\n"})
case("copy-merges-folder-modes", "FROM base\nCOPY o /opt\n", {"o": Folder(0o700), "o/real": Folder(0o711), "o/real/f": "f\n"})
case("copy-replaces-link-inside", "FROM base\nCOPY o /opt\n", {"o/filelink": "mine\n"})
case("copy-link-over-file", "FROM base\nCOPY o /opt\n", {"o/file": Link("elsewhere")})
case("copy-absolute-source", "FROM base\nCOPY /a.txt /../a.txt ../../b.txt /m/\n", TREE)
case("copy-missing", "FROM base\nCOPY nothing /m/\n", TREE, says="nothing")
case("copy-one-argument", "FROM base\nCOPY a.txt\n", TREE, says="COPY requires at least two arguments")
case("copy-url", "FROM base\nCOPY http://x.test/y /m\n", TREE, says="source can't be a URL for COPY")
case("copy-escaping-link", "FROM base\nCOPY out /m\n", {"out": Link("../../../etc/hostname-no-such")}, says="out")
case("copy-unicode", "FROM base\nCOPY . /u/\n", {"ümläut": "u\n", "日本": "j\n"})

PARENTS = "Docker 28 has --parents only with another frontend; what is written down follows its documentation"

# --- COPY: wildcards, flags ---
for name, source in {"star": "*.txt", "question": "?.txt", "class": "[ab].txt", "negated": "[^a].txt", "folder-match": "d*", "deep": "dir/*/deep", "nothing": "*.none", "mixed": "a.txt *.none"}.items():
    case(f"wildcard-{name}", f"FROM base\nCOPY {source} /w/\n", TREE)
case("wildcard-escape", "FROM base\nCOPY \\\\a.txt /w/\n", TREE, says="a.txt")
case("chown-numbers", "FROM base\nCOPY --chown=12:34 dir /d\n", TREE)
case("chown-name", "FROM base\nCOPY --chown=app a.txt /d/\n", TREE)
case("chown-name-group", "FROM base\nCOPY --chown=app:staff a.txt /d/\n", TREE)
case("chown-uid-only", "FROM base\nCOPY --chown=55 a.txt /n/ew/\n", TREE)
case("chown-group-only-number", "FROM base\nCOPY --chown=app:77 a.txt /d/\n", TREE)
case("chown-existing-parent", "FROM base\nCOPY --chown=1:1 a.txt /opt/real/new/f\n", TREE)
case("chown-unknown", "FROM base\nCOPY --chown=nosuch a.txt /d/\n", TREE, says="nosuch", differs="Docker makes an unknown owner root; imgb refuses it, as Docker's documentation says")
case("chown-variable", "FROM base\nARG WHO=1:2\nCOPY --chown=$WHO a.txt /d/\n", TREE)
case("chmod-octal", "FROM base\nCOPY --chmod=640 dir /d\n", TREE)
case("chmod-octal-file", "FROM base\nCOPY --chmod=4755 a.txt /n/f\n", TREE)
case("chmod-symbolic", "FROM base\nCOPY --chmod=u=rwX,go=rX dir run.sh secret /d/\n", TREE)
case("chmod-plus-x", "FROM base\nCOPY --chmod=+x a.txt /d/\n", TREE)
case("chmod-bad", "FROM base\nCOPY --chmod=9z a.txt /d/\n", TREE, says="chmod")
LINK = "Docker without its containerd store copies --link like any other; imgb makes the independent layer that --link promises"
case("link-flag", "FROM base\nCOPY --link a.txt /opt/real/f\nCOPY --link dir /var/lib/data\n", TREE)
case("link-through-link", "FROM base\nCOPY --link a.txt /opt/link/f\n", TREE, differs=LINK)
case("parents", "FROM base\nCOPY --parents dir/sub/deep a.txt /p/\n", TREE, differs=PARENTS)
case("parents-pivot", "FROM base\nCOPY --parents ./dir/./sub/deep /p/\n", TREE, differs=PARENTS)
case("parents-wildcard", "FROM base\nCOPY --parents dir/**/*.txt /p/\n", TREE, differs=PARENTS)
case("parents-folder", "FROM base\nCOPY --parents dir/sub /p/\n", TREE, differs=PARENTS)
case("exclude", "FROM base\nCOPY --exclude=*.txt --exclude=sub dir /e/\n", {**TREE, "dir/k.txt": "k\n"})
case("exclude-deep", "FROM base\nCOPY --exclude=**/*.txt . /e/\n", TREE)
case("exclude-not", "FROM base\nCOPY --exclude=sub --exclude=!sub/deep dir /e/\n", TREE)
case("unknown-flag", "FROM base\nCOPY --chwon=1 a.txt /d/\n", TREE, says="chown")
case("heredoc-copy", "FROM base\nARG V=val\nCOPY <<one <<\"two\" /h/\n$V\nx\none\n$V\ntwo\n", TREE)
case("heredoc-file", "FROM base\nCOPY --chown=3:4 --chmod=600 <<EOF /h/file\ntext\n\ttab\nEOF\n")
case("heredoc-dash", "FROM base\nCOPY <<-EOF /h/file\n\ttext\n\t\ttab\n\tEOF\n")
case("heredoc-mixed", "FROM base\nCOPY a.txt <<here /h/\nh\nhere\n", TREE)

# --- .dockerignore ---
for name, text in {"simple": "a.txt\ndir/sub\n", "star": "*.txt\n", "double-star": "**/*.txt\n", "not": "dir\n!dir/sub/deep\n", "order": "!a.txt\n*.txt\n", "comment": "#a.txt\n # b.txt\n\n  secret  \n",
                   "slash": "/a.txt\ndir/\n", "all-but": "*\n!dir/one\n", "class": "[ab].txt\n", "dockerfile": "Dockerfile\n.dockerignore\n", "dotdot": "x/../a.txt\n", "crlf": "a.txt\r\nb.txt\r\n", "bom": "\ufeffa.txt\n"}.items():
    case(f"ignore-{name}", "FROM base\nCOPY . /i/\n", {**TREE, ".dockerignore": text})
case("ignore-copied", "FROM base\nCOPY a.txt /i/\n", {**TREE, ".dockerignore": "a.txt\n"}, says="a.txt")
case("ignore-own", "FROM base\nCOPY . /i/\n", {**TREE, ".dockerignore": "a.txt\n", "Dockerfile.dockerignore": "b.txt\n"})

# --- ADD ---
ARCHIVE = {"top": "t\n", "d": Folder(0o711), "d/f": File("f\n", 0o640), "d/l": Link("f")}
for program in ("", "gzip", "bzip2", "xz", "zstd"):
    case(f"add-archive-{program or 'plain'}", "FROM base\nADD archive /x\n", {"archive": Tar(ARCHIVE, program)})
case("add-archive-chown", "FROM base\nADD --chown=5:6 archive.tar /x/\n", {"archive.tar": Tar(ARCHIVE)})
case("add-archive-not-unpacked", "FROM base\nADD --unpack=false archive.tar /x/\n", {"archive.tar": Tar(ARCHIVE)})
case("add-archive-through-link", "FROM base\nADD archive.tar /opt/link/\n", {"archive.tar": Tar(ARCHIVE)})
case("add-not-an-archive", "FROM base\nADD a.tar.gz /x/\n", {"a.tar.gz": "just text\n"})
case("add-empty-archive-name", "FROM base\nADD e.tar.gz /x/\n", {"e.tar.gz": ""})
case("add-folder", "FROM base\nADD dir /x\n", TREE)
case("copy-archive", "FROM base\nCOPY archive.tar /x/\n", {"archive.tar": Tar(ARCHIVE)})

# --- stages ---
case("from-stage", "FROM base AS one\nRUN mkdir /o && echo 1 > /o/f && chown 7:8 /o/f && chmod 640 /o/f\nFROM base\nCOPY --from=one /o /p\nCOPY --from=0 /o/f /q\n")
case("from-stage-chown", "FROM base AS one\nRUN mkdir /o && echo 1 > /o/f && chown 7:8 /o /o/f\nFROM base\nCOPY --from=one --chown=1:2 /o /p\n")
case("from-stage-link", "FROM base AS one\nRUN mkdir /o && ln -s /opt/file /o/l && ln -s l /o/m\nFROM base\nCOPY --from=one /o/l /p/\nCOPY --from=one /o /q\n")
case("from-stage-wildcard", "FROM base AS one\nRUN mkdir /o && echo a > /o/a.x && echo b > /o/b.y\nFROM scratch\nCOPY --from=one /o/*.x /\n")
case("from-stage-missing", "FROM base AS one\nFROM base\nCOPY --from=one /none /p\n", says="/none")
case("from-image", "FROM scratch\nCOPY --from=base /etc/passwd /p\n")
case("from-later-stage", "FROM base AS one\nCOPY --from=two /x /y\nFROM base AS two\nFROM one\n", says="two")
case("stage-of-stage", "FROM base AS one\nENV A=1\nARG B=2\nLABEL l=1\nWORKDIR /w\nFROM one\nRUN echo $A $B > f\n")
case("target", "FROM base AS one\nRUN echo 1 > /one\nFROM one AS two\nRUN echo 2 > /two\n", flags=["--target", "ONE"])
case("target-unknown", "FROM base AS builder\n", flags=["--target", "bilder"], says="builder")
case("unused-stage-untouched", "FROM base AS bad\nRUN exit 1\nFROM base\nRUN echo ok > /ok\n")
case("stage-bad-name", "FROM base AS 1st\n", says="1st")
case("arg-in-from", "ARG NAME=base\nFROM ${NAME} AS x\nARG NAME\nRUN echo \"[$NAME]\" > /n\n")
case("arg-global-not-in-stage", "ARG G=1\nFROM base\nRUN echo \"[$G]\" > /n\n")

# --- variables ---
case("expand-forms", "FROM base\nENV A=val E=\nLABEL a=$A b=${A} c=${X:-d} d=${X-d} e=${E:-d} f=${E-d} g=${A:+alt} h=${X:+alt} i=\"${E+set}\" j=\\$A k='$A' l=\"$A\\\"q\" m=${A#v} n=${A%l} o=${A/a/o} p=$A-$A q=$$ r=a$ s=${A:+${X:-deep}}\n")
case("expand-strip", "FROM base\nENV P=/a/b/c.tar.gz\nLABEL a=${P#*/} b=${P##*/} c=${P%.*} d=${P%%.*} e=${P//\\//-} f=${P/b/B} g=${P#no} h=${P%%/*}\n")
case("expand-required", "FROM base\nLABEL a=${NOPE:?missing}\n", says="NOPE: missing")
case("expand-bad", "FROM base\nLABEL a=${A\n", says="}")
case("expand-same-line", "FROM base\nENV a=1\nENV a=2 b=$a\nRUN echo $a $b > /f\n")
case("expand-places", "FROM base\nENV D=/x U=app P=90\nWORKDIR $D/w\nEXPOSE $P\nUSER $U\nVOLUME $D\nSTOPSIGNAL SIG${Z:-USR1}\n")
case("expand-not-in-run", "FROM base\nARG A=1\nRUN echo '$A' \"$A\" > /f\nCMD echo $A\nENTRYPOINT [\"$A\"]\n")
case("env-legacy", "FROM base\nENV KEY some value  with   spaces\nENV K2 \"quoted\" x\nENV K3=a\\ b K4='c d' K5=\"e f\"\n")
case("env-replace", "FROM base\nENV B=1\nENV A=1\nENV B=2 PATH=$PATH:/x\n")
case("env-one-word", "FROM base\nENV ONLY\n", says="ENV must have two arguments")
case("env-bad", "FROM base\nENV a=1 b\n", says="name=value")
case("arg-build-arg", "FROM base\nARG A=1 B C=3\nRUN echo \"$A|$B|$C\" > /f\n", flags=["--build-arg", "A=x", "--build-arg", "B=y"])
case("arg-env-order", "FROM base\nENV X=1\nARG X=2\nRUN echo $X > /f\n")
case("arg-then-env", "FROM base\nARG X=2\nENV X=1\nRUN echo $X > /f\n")
case("arg-history", "FROM base\nARG A=1\nARG B\nRUN echo > /f\n", flags=["--build-arg", "B=2"])
case("arg-platform", "FROM base\nARG TARGETPLATFORM\nARG TARGETARCH\nARG TARGETSTAGE\nRUN echo $TARGETPLATFORM $TARGETARCH $TARGETSTAGE $TARGETOS > /f\n")
case("arg-proxy", "FROM base\nRUN echo \"$http_proxy|$HTTP_PROXY\" > /f\n", flags=["--build-arg", "http_proxy=http://p.test"])

# --- config ---
case("label", "FROM base\nLABEL a=1 \"b c\"=2 d=\"multi \\\nline\"\nLABEL a=3\n", flags=["--label", "cli=yes"])
case("maintainer", "FROM base\nMAINTAINER Some One <a@b.test>\n")
case("expose", "FROM base\nEXPOSE 80 443/TCP 53/udp 8000-8002\n")
case("expose-bad", "FROM base\nEXPOSE 99999\n", says="99999")
case("user", "FROM base\nUSER app\nRUN id > /tmp/id; touch /tmp/mine\nUSER 7:8\nRUN id > /tmp/id2\nUSER app:staff\nRUN id > /tmp/id3\n")
case("user-unknown", "FROM base\nUSER ghost\nRUN id\n", says="ghost")
case("user-copy", "FROM base\nUSER app\nCOPY a.txt /home/app/\nWORKDIR /home/app/w/x\n", TREE)
case("workdir", "FROM base\nWORKDIR a\nWORKDIR b/../c\nRUN pwd > f\nWORKDIR /opt/link/n\nRUN touch g\n")
case("workdir-spaces", "FROM base\nWORKDIR /a b\nRUN touch f\n")
case("volume", "FROM base\nVOLUME /v1 /v2\nVOLUME [\"/v 3\"]\nRUN mkdir -p /v1 && echo > /v1/kept\n")
case("stopsignal", "FROM base\nSTOPSIGNAL 9\n")
case("stopsignal-bad", "FROM base\nSTOPSIGNAL NOSUCH\n", says="NOSUCH")
case("shell", "FROM base\nSHELL [\"/bin/sh\", \"-e\", \"-c\"]\nRUN echo $- > /f\nCMD echo hi\nENTRYPOINT run it\n")
case("shell-text", "FROM base\nSHELL /bin/sh -c\n", says="JSON")
case("cmd-forms", "FROM base\nCMD [\"a\", \"b c\"]\n")
case("cmd-shell", "FROM base\nCMD echo \"$HOME\" 'x'\n")
case("cmd-bad-json", "FROM base\nCMD ['a', 'b']\n")
case("cmd-empty", "FROM base\nCMD []\nENTRYPOINT []\n")
case("entrypoint-drops-cmd", "FROM base\nENTRYPOINT [\"x\"]\n")
case("entrypoint-keeps-cmd", "FROM base\nCMD [\"c\"]\nENTRYPOINT [\"x\"]\n")
case("healthcheck", "FROM base\nHEALTHCHECK --interval=1m --timeout=3s --start-period=5s --start-interval=100ms --retries=4 CMD test -e /x\n")
case("healthcheck-none", "FROM base\nHEALTHCHECK NONE\n")
case("healthcheck-exec", "FROM base\nHEALTHCHECK CMD [\"a\", \"b\"]\n")
case("healthcheck-bad", "FROM base\nHEALTHCHECK --interval=1us CMD x\n", says="1ms")
case("onbuild", "FROM base AS parent\nONBUILD RUN echo built > /onbuild\nONBUILD COPY a.txt /ob/\nONBUILD ENV OB=1\nFROM parent\nRUN cat /onbuild\n", TREE)
case("onbuild-kept", "FROM base\nONBUILD RUN echo \"x\" 'y'\nONBUILD CMD [\"z\"]\n")
case("onbuild-bad", "FROM base\nONBUILD FROM x\n", says="ONBUILD")

# --- RUN ---
case("run-forms", "FROM base\nRUN echo shell > /a\nRUN [\"/bin/sh\", \"-c\", \"echo exec > /b\"]\nRUN echo a \\\n # comment\n && echo b > /c\n")
case("run-heredoc", "FROM base\nRUN <<EOF\necho one > /one\nX=2\necho $X > /two\nEOF\n")
case("run-heredoc-shebang", "FROM base\nRUN <<EOF\n#!/bin/sh\necho $0 | sed 's/.*\\///' > /name\nEOF\n")
case("run-heredoc-stdin", "FROM base\nRUN cat <<EOF > /f && cat <<-'X' > /g\n$PATH\nEOF\n\tplain $PATH\n\tX\n")
case("run-fails", "FROM base\nRUN exit 7\n", says="exit code: 7")
case("run-not-found", "FROM base\nRUN nosuchcommand\n", says="exit code: 127")
case("run-removes", "FROM base\nRUN rm -r /opt/real /opt/file\nRUN mkdir /opt/real && touch /opt/real/new\n")
case("run-replaces", "FROM base\nRUN rm /opt/file && mkdir /opt/file && touch /opt/file/x\nRUN rm -r /opt/file && ln -s real /opt/file\n")
case("run-opaque", "FROM base\nRUN rm -r /opt && mkdir /opt && touch /opt/only\n")
case("run-metadata", "FROM base\nRUN chmod 700 /opt && chown 3:4 /opt/file && touch -d @1000000000 /opt/file\n")
case("run-hard-link", "FROM base\nRUN echo x > /h1 && ln /h1 /h2 && ln /opt/file /opt/file2\n")
case("run-special", "FROM base\nRUN mkfifo /pipe && ln -s nowhere /dangling && touch '/sp ace' && chmod u+s /sp*\n")
case("run-rename", "FROM base\nRUN mv /opt/real /opt/moved && mv /opt/file /opt/renamed\n")
case("run-environment", "FROM base\nENV A=1\nARG B=2\nRUN env | grep -vE '^(SHLVL|_|OLDPWD)=' | sort > /env\n")
case("run-user-home", "FROM base\nUSER app\nRUN echo $HOME > /tmp/home; umask > /tmp/umask; pwd > /tmp/pwd\n")
case("run-hosts", "FROM base\nRUN cat /etc/hosts /etc/resolv.conf > /dev/null; hostname > /h\n")
case("run-add-host", "FROM base\nRUN grep -c myhost /etc/hosts > /f\n", flags=["--add-host", "myhost:10.1.2.3"])
case("run-mount-bind", "FROM base\nRUN --mount=target=/ctx cp /ctx/a.txt /copied && ls /ctx/dir > /list\n", TREE)
case("run-mount-bind-file", "FROM base\nRUN --mount=type=bind,source=a.txt,target=/in/f.txt cat /in/f.txt > /copied\n", TREE)
case("run-mount-bind-rw", "FROM base\nRUN --mount=type=bind,target=/ctx,rw echo new > /ctx/new && ls /ctx/new > /list\n", TREE)
case("run-mount-bind-stage", "FROM base AS one\nRUN mkdir /o && echo 1 > /o/f\nFROM base\nRUN --mount=from=one,source=/o,target=/m cp /m/f /g\n")
case("run-mount-readonly", "FROM base\nRUN --mount=target=/ctx touch /ctx/x || echo refused > /r\n", TREE)
case("run-mount-cache", "FROM base\nRUN --mount=type=cache,target=/c,id=conf,mode=0711,uid=3,gid=4 stat -c '%a %u %g' /c > /s && echo x > /c/kept\n")
case("run-mount-cache-relative", "FROM base\nWORKDIR /w\nRUN --mount=type=cache,target=c,id=rel touch c/x && ls -d /w/c > /l\n")
case("run-mount-tmpfs", "FROM base\nRUN --mount=type=tmpfs,target=/t,size=1m touch /t/x && grep -c ' /t tmpfs' /proc/mounts > /f\n")
case("run-mount-secret-missing", "FROM base\nRUN --mount=type=secret,id=none ls /run/secrets/none || echo none > /f\n")
case("run-mount-secret-required", "FROM base\nRUN --mount=type=secret,id=none,required true\n", says="none")
case("run-mount-secret", "FROM base\nRUN --mount=type=secret,id=s1 --mount=type=secret,id=s2,target=/k/s2,mode=0444,uid=9 stat -c '%a %u %s' /run/secrets/s1 /k/s2 > /f\n", {"file": "12345"}, flags=["--secret", "id=s1,src=file", "--secret", "id=s2,src=file"])
case("run-mount-secret-env", "FROM base\nRUN --mount=type=secret,id=s1,env=SECRET printf %s \"$SECRET\" | wc -c > /f\n", {"file": "12345"}, flags=["--secret", "id=s1,src=file"])
case("run-mount-unknown", "FROM base\nRUN --mount=type=tmp,target=/x true\n", says="tmpfs")
case("run-mount-root", "FROM base\nRUN --mount=type=tmpfs,target=/ true\n", says="invalid mount target")
case("run-network-none", "FROM base\nRUN --network=none ls /sys/class/net > /f\n")

# --- the file itself ---
case("escape-directive", "# escape=`\nFROM base\nRUN echo a `\n b > /f\nLABEL x=a\\b\n")
case("directive-syntax", "# syntax=docker/dockerfile:1\nFROM base\nLABEL a=1\n", differs="imgb knows the language itself and never pulls a frontend")
case("lower-case", "from base as x\nrun echo 1 > /f\nlabel a=b\n")
case("crlf", "FROM base\r\nRUN echo a > /f\r\nLABEL a=b\r\n")
case("bom", "\ufeffFROM base\nLABEL a=1\n")
case("no-newline-at-end", "FROM base\nLABEL a=1")
case("unknown-instruction", "FROM base\nRUM echo\n", says="RUN")
case("no-from", "RUN echo\n", says="no build stage in current context")
case("empty", "", says="empty")
case("continuation-comments", "FROM base\nLABEL a=1 \\\n# comment\n\n  b=2 \\\n  # indented\n  c=3\n")
case("unterminated-heredoc", "FROM base\nRUN <<EOF\necho\n", says="unterminated heredoc")
