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
case("wildcard-malformed", "FROM base\nCOPY a[ /w/\n", TREE, says="syntax error in pattern")
case("wildcard-malformed-beside-others", "FROM base\nCOPY a[b-c.txt *.txt /w/\n", TREE, says="syntax error in pattern")
case("wildcard-escape", "FROM base\nCOPY \\\\a.txt /w/\n", TREE, says="a.txt")
case("chown-numbers", "FROM base\nCOPY --chown=12:34 dir /d\n", TREE)
case("chown-name", "FROM base\nCOPY --chown=app a.txt /d/\n", TREE)
case("chown-name-group", "FROM base\nCOPY --chown=app:staff a.txt /d/\n", TREE)
case("chown-empty-group", "FROM base\nCOPY --chown=55: a.txt /n1\nCOPY --chown=app: a.txt /n2\nCOPY --chown=:7 a.txt /n3\n", TREE)
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
case("link-flag", "FROM base\nCOPY --link a.txt /opt/real/f\nCOPY --link dir /var/lib/data\n", TREE, differs=LINK)
case("link-chown", "FROM base\nCOPY --link --chown=4:5 a.txt /opt/real/f\nCOPY --link --chown=4:5 dir /srv/app\n", TREE, differs=LINK)
case("link-chmod", "FROM base\nCOPY --link --chmod=600 a.txt /opt/real/f\n", TREE)
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
case("heredoc-name-with-slash", "FROM base\nCOPY <<a/b /h/\nx\na/b\n", says="a/b")
case("run-heredoc-name-with-slash", "FROM base\nRUN <<a/b\n#!/bin/sh\necho hi > /x\na/b\n", says="a/b")
case("copy-name-too-long", "FROM base\nCOPY a.txt /" + "x" * 300 + "/\n", TREE, says="too long")
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
case("expand-required", "FROM base\nLABEL a=\"${NOPE:?is needed}\"\n", says="NOPE: is needed")
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
case("platform-asked-is-the-images", "FROM --platform=$BUILDPLATFORM base\nCMD [\"x\"]\n", flags=["--platform", "linux/arm64"])
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

# --- combinations ---
case("copy-many-to-file", "FROM base\nCOPY a.txt b.txt /m\n", TREE)
case("copy-many-folders", "FROM base\nCOPY dir empty /m/\n", TREE)
case("copy-json-flags", "FROM base\nCOPY --chown=1:2 --chmod=600 [\"a.txt\", \"b.txt\", \"/m/\"]\n", TREE)
case("copy-chown-chmod-folder", "FROM base\nCOPY --chown=app:staff --chmod=750 dir /m\n", TREE)
case("copy-chown-onto-existing", "FROM base\nCOPY --chown=7:8 o /opt\n", {"o/file": "new\n", "o/real/f": "f\n"})
case("copy-chmod-symbolic-folder", "FROM base\nCOPY --chmod=go-rwx dir /m\n", TREE)
case("copy-chmod-sticky", "FROM base\nCOPY --chmod=1777 empty /m\n", TREE)
case("copy-chmod-variable", "FROM base\nARG MODE=604\nCOPY --chmod=$MODE a.txt /m\n", TREE)
case("copy-sources-from-variables", "FROM base\nARG S=dir\nENV D=/to\nCOPY ${S}/one $S/two ${D}/\n", TREE)
case("copy-exclude-variable", "FROM base\nARG X=*.txt\nCOPY --exclude=$X . /m/\n", TREE)
case("copy-exclude-folder-link", "FROM base\nCOPY --exclude=dir --exclude=link . /m/\n", TREE)
case("copy-exclude-everything", "FROM base\nCOPY --exclude=* dir /m\n", TREE)
EXCLUDED = "Docker never tests a source that is a file itself, though its documentation says so; imgb does"
case("copy-exclude-with-wildcard", "FROM base\nCOPY --exclude=b.txt *.txt /m/\n", TREE, differs=EXCLUDED)
case("copy-exclude-wildcard-folders", "FROM base\nCOPY --exclude=sub d* /m/\n", TREE)
case("copy-wildcard-folders", "FROM base\nCOPY d*/s* /m/\n", TREE)
case("copy-trailing-slash-source", "FROM base\nCOPY dir/ /m\n", TREE)
case("copy-workdir-relative", "FROM base\nWORKDIR /w\nCOPY dir ./sub/\nCOPY a.txt ../up\n", TREE)
case("copy-user-owner", "FROM base\nUSER app\nCOPY --chown=app:app dir /home/app/dir\nRUN ls /home/app/dir > /tmp/l\n", TREE)
case("copy-then-run-changes", "FROM base\nCOPY dir /m\nRUN rm /m/one && echo 3 > /m/three && chmod 700 /m/sub\n", TREE)
case("copy-twice-same", "FROM base\nCOPY a.txt /m\nCOPY b.txt /m\n", TREE)
case("copy-after-remove", "FROM base\nRUN rm -r /opt\nCOPY dir /opt/real\n", TREE)
case("copy-dangling-source-link", "FROM base\nCOPY l /m/\n", {"l/x": Link("nowhere"), "l/y": Link("/etc/passwd")})
case("copy-fifo-free-names", "FROM base\nCOPY . /m/\n", {"-dash": "d\n", "sp ace": "s\n", "quo'te": "q\n", "tab\tx": "t\n", "back\\slash": "b\n"})
case("copy-from-index", "FROM base\nRUN echo 0 > /zero\nFROM base\nRUN echo 1 > /one\nFROM base\nCOPY --from=0 /zero /z\nCOPY --from=1 /one /o\n")
case("copy-from-chmod", "FROM base AS s\nRUN mkdir /o && echo x > /o/f && chmod 600 /o/f\nFROM base\nCOPY --from=s --chmod=755 /o /p\n")
case("copy-from-exclude", "FROM base AS s\nRUN mkdir /o && touch /o/a.x /o/b.y\nFROM base\nCOPY --from=s --exclude=*.x /o /p\n")
case("copy-from-hard-links", "FROM base AS s\nRUN mkdir /o && echo x > /o/a && ln /o/a /o/b\nFROM base\nCOPY --from=s /o /p\n")
case("copy-from-whole-root", "FROM base AS s\nRUN echo x > /only\nFROM scratch\nCOPY --from=s /only /opt/file /\n")
case("copy-from-times", "FROM base AS s\nRUN touch -d @1000000000 /f\nFROM base\nCOPY --from=s /f /g\n")
case("copy-from-device-names", "FROM base AS s\nRUN mkdir -p /o/d && mkfifo /o/p && ln -s d /o/l\nFROM base\nCOPY --from=s /o /p\n")
case("copy-from-self", "FROM base AS s\nCOPY --from=s /etc/passwd /p\n", says="s")
case("add-archive-onto-existing", "FROM base\nADD archive.tar /opt/\n", {"archive.tar": Tar({"file": "from archive\n", "real/sub/n": "n\n"})})
case("add-archive-to-new-file-name", "FROM base\nADD archive.tar /x/y/z\n", {"archive.tar": Tar(ARCHIVE)})
case("copy-chmod-sticky-content", "FROM base\nCOPY --chmod=1777 dir /m\n", TREE)
case("copy-chmod-empty-folder", "FROM base\nCOPY --chmod=700 empty /m\n", TREE)
case("copy-chmod-existing-folder", "FROM base\nCOPY --chmod=700 empty /opt\n", TREE)
case("add-archive-chmod-file-first", "FROM base\nADD --chmod=700 a.txt archive.tar /x/\n", {"archive.tar": Tar(ARCHIVE), **TREE})
case("add-archive-chmod", "FROM base\nADD --chmod=700 archive.tar /x/\n", {"archive.tar": Tar(ARCHIVE)})
case("add-archives-and-files", "FROM base\nADD archive.tar a.txt /x/\n", {"archive.tar": Tar(ARCHIVE), **TREE})
case("add-archive-in-folder-stays", "FROM base\nADD folder /x\n", {"folder/archive.tar": Tar(ARCHIVE)})
case("add-exclude", "FROM base\nADD --exclude=*.txt . /x/\n", TREE)
LINKED = {"x": "old\n", "y": HardLink("x")}
case("add-archive-link-sorts-before-its-file", "FROM base\nADD archive.tar /x/\nRUN cat /x/a /x/z > /out\n", {"archive.tar": Tar({"z": "z\n", "a": HardLink("z"), "m": HardLink("z")})})
case("add-archive-replaces-one-linked-name", "FROM base\nADD a.tar b.tar /d/\n", {"a.tar": Tar(LINKED), "b.tar": Tar({"x": "new\n"})})
case("add-file-replaces-one-linked-name", "FROM base\nADD a.tar x /d/\n", {"a.tar": Tar(LINKED), "x": "new\n"})
case("add-archive-over-linked-folder", "FROM base\nADD A b.tar /d/\n", {"A/sub/x": "x\n", "A/sub/y": HardLink("A/sub/x"), "b.tar": Tar({"sub": "file\n"})})
case("add-archive-link-to-earlier-archive", "FROM base\nADD --chown=5:6 a.tar b.tar /d/\n", {"a.tar": Tar({"x": "x\n"}), "b.tar": Tar({"a": HardLink("x")})})
case("add-archive-link-to-existing", "FROM base\nADD b.tar /opt/\n", {"b.tar": Tar({"a": HardLink("file")})})
case("add-archive-link-to-nothing", "FROM base\nADD b.tar /opt/\n", {"b.tar": Tar({"a": HardLink("nothing")})}, says="nothing")
case("add-wildcard-archives", "FROM base\nADD *.tar /x/\n", {"a.tar": Tar({"one": "1\n"}), "b.tar": Tar({"two": "2\n"})})
case("add-heredoc", "FROM base\nADD <<EOF /x/f\ntext\nEOF\n")
case("heredoc-two-runs", "FROM base\nRUN <<A cat > /a && <<B cat > /b\none\nA\ntwo\nB\n")
case("heredoc-quoted-copy", "FROM base\nENV X=1\nCOPY <<'EOF' /f\n$X ${X}\nEOF\n")
case("heredoc-chown-variable", "FROM base\nARG O=5:6\nCOPY --chown=$O <<EOF /f\n$O\nEOF\n")
case("run-user-numeric-group", "FROM base\nUSER 1000:50\nRUN id -u > /tmp/u; id -g >> /tmp/u\n")
case("run-workdir-owner", "FROM base\nUSER app\nWORKDIR /made/here\nRUN stat -c '%u %g' /made/here > /tmp/o\n")
case("run-shell-form-user-shell", "FROM base\nSHELL [\"/bin/sh\", \"-xc\"]\nRUN echo a > /f\nSHELL [\"/bin/sh\", \"-c\"]\nRUN echo b > /g\n")
case("run-mount-two-binds", "FROM base\nRUN --mount=target=/one,source=dir --mount=target=/two,source=a.txt cat /one/one /two > /f\n", TREE)
case("run-mount-bind-keeps-mode-and-owner", "FROM base AS s\nRUN mkdir -m 700 /x && echo 1 > /x/f && chown -R 1000:1001 /x\nRUN echo 2 > /x/g\nFROM base\nRUN --mount=from=s,source=/x,target=/m stat -c '%n %a %u:%g' /m /m/f /m/g > /out\n")
case("run-mount-bind-context-folders", "FROM base\nRUN --mount=target=/m --mount=source=sub,target=/n stat -c '%n %a %u:%g' /m /n > /out\n", {"sub": Folder(0o700)})
case("run-mount-bind-from-image", "FROM base\nRUN --mount=from=base,target=/b,source=/etc cp /b/passwd /copied\n")
case("run-mount-cache-owner", "FROM base\nUSER app\nRUN --mount=type=cache,target=/tmp/c,uid=1000,gid=1001 touch /tmp/c/x && stat -c '%u %g' /tmp/c > /tmp/o\n")
case("run-mount-cache-from", "FROM base AS seed\nRUN mkdir /s && echo seeded > /s/f\nFROM base\nRUN --mount=type=cache,target=/c,id=seeded,from=seed,source=/s cat /c/f > /f\n")
case("run-mount-variable-target", "FROM base\nARG T=/ctx\nRUN --mount=target=$T ls $T/dir > /f\n", TREE)
case("run-mount-leaves-no-stub", "FROM base\nRUN --mount=type=tmpfs,target=/new/deep/place echo > /f\n")
case("run-mount-keeps-what-is-beside", "FROM base\nRUN --mount=type=tmpfs,target=/new/deep echo kept > /new/beside\n")
case("run-deletes-and-recreates-folder", "FROM base\nRUN rm -r /opt/real && mkdir /opt/real && chmod 711 /opt/real\n")
case("run-empty-folder", "FROM base\nRUN mkdir -m 700 /e && chown 5:6 /e\n")
case("run-symlink-replaced", "FROM base\nRUN rm /opt/link && mkdir /opt/link && touch /opt/link/x\n")
case("run-moves-tree-twice", "FROM base\nRUN mv /opt /moved\nRUN mv /moved /opt\n")
case("run-setgid-inherits", "FROM base\nRUN mkdir /g && chown 0:50 /g && chmod 2775 /g && mkdir /g/sub && touch /g/f\n")
case("env-many-forms", "FROM base\nENV A=\"x y\" B='z w' C=a\\ b D=\"q\\\"q\"\nENV E $A $B\nRUN echo \"$A|$B|$C|$D|$E\" > /f\n")
case("env-unset-in-label", "FROM base\nLABEL \"key.$NOPE\"=\"v$NOPE\" k2=${NOPE:-d}\n")
case("arg-default-from-arg", "FROM base\nARG A=1\nARG B=${A}2\nRUN echo $B > /f\n", flags=["--build-arg", "A=9"])
case("arg-global-default-into-stage", "ARG V=7\nARG W=${V}8\nFROM base\nARG W\nARG V=local\nRUN echo $V $W > /f\n")
case("arg-empty-build-arg", "FROM base\nARG A=default\nRUN echo \"[$A]\" > /f\n", flags=["--build-arg", "A="])
case("workdir-variable-root", "FROM base\nARG R\nWORKDIR /${R:-a}/b\nRUN pwd > /f\n")
case("user-variable-empty", "FROM base\nARG U\nUSER ${U:-app}\nRUN id -un > /tmp/f\n")
case("label-flag-overrides", "FROM base\nLABEL a=1 b=2\n", flags=["--label", "a=flag", "--label", "c"])
case("expose-range-protocols", "FROM base\nEXPOSE 1000-1002/udp 80/tcp 80/udp\n")
case("entrypoint-empty-resets", "FROM base\nENTRYPOINT [\"a\"]\nENTRYPOINT []\nCMD [\"b\"]\n")
case("cmd-shell-after-shell", "FROM base\nSHELL [\"/bin/sh\", \"-ec\"]\nCMD a && b\nENTRYPOINT c\n")
case("healthcheck-inherit-disable", "FROM base AS a\nHEALTHCHECK CMD true\nFROM a\nHEALTHCHECK NONE\n")
case("stage-inherits-user-and-workdir", "FROM base AS a\nUSER app\nWORKDIR /home/app\nFROM a\nRUN id -un > f; pwd >> f\nCOPY a.txt ./\n", TREE)
case("onbuild-escape", "# escape=`\nFROM base AS a\nONBUILD ENV A=x\\y B=\"q\\z\" D=a`b\nONBUILD WORKDIR /w\\x\nFROM a\nRUN echo \"$A $B $D\" > /f\n")
case("onbuild-chain", "FROM base AS a\nONBUILD ENV FROM_A=1\nFROM a AS b\nONBUILD LABEL from=b\nFROM b\nRUN echo $FROM_A > /f\n")
case("onbuild-copy-from", "FROM base AS a\nONBUILD COPY --from=base /etc/passwd /ob\nFROM a\n")
case("target-middle", "FROM base AS one\nRUN echo 1 > /1\nFROM one AS two\nRUN echo 2 > /2\nFROM two AS three\nRUN echo 3 > /3\n", flags=["--target", "two"])
case("target-number", "FROM base AS one\nRUN echo 1 > /1\nFROM one\nRUN echo 2 > /2\n", flags=["--target", "0"], says="0")
case("ignore-parent-kept", "FROM base\nCOPY . /i/\n", {**TREE, ".dockerignore": "**\n!dir/sub/more/x.txt\n"})
case("ignore-question", "FROM base\nCOPY . /i/\n", {**TREE, ".dockerignore": "?.txt\n!b.txt\n"})
case("ignore-folder-then-not", "FROM base\nCOPY . /i/\n", {**TREE, ".dockerignore": "dir/**\n!dir/inner\n"})
case("ignore-affects-wildcard", "FROM base\nCOPY *.txt /i/\n", {**TREE, ".dockerignore": "a.txt\n"})
case("ignore-affects-bind", "FROM base\nRUN --mount=target=/ctx ls /ctx > /f\n", {**TREE, ".dockerignore": "a.txt\ndir\n"})
case("maintainer-and-author", "FROM base\nMAINTAINER a\nMAINTAINER b\n")
case("volume-then-copy", "FROM base\nVOLUME /v\nCOPY a.txt /v/\nRUN echo more > /v/more\n", TREE)
case("shell-json-empty", "FROM base\nSHELL []\n", says="SHELL")
case("from-scratch-copy-only", "FROM scratch\nCOPY a.txt /\nENTRYPOINT [\"/a.txt\"]\n", TREE)
case("copy-no-arguments", "FROM base\nCOPY\n", says="COPY requires")
case("from-no-argument", "FROM\n", says="FROM")
case("workdir-no-argument", "FROM base\nWORKDIR\n", says="WORKDIR")
case("user-no-argument", "FROM base\nUSER\n", says="USER")
case("label-legacy", "FROM base\nLABEL a b c\n")
case("onbuild-maintainer", "FROM base\nONBUILD MAINTAINER x\n", says="MAINTAINER")
case("expose-text", "FROM base\nEXPOSE http\n", says="http")
case("add-missing", "FROM base\nADD nothing.tar /x/\n", says="nothing.tar")
