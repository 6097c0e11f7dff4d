import { type EndedCase, onStderr } from "./Ended.ts"

/** A second round, of other hosts and other corners, labelled after the rules were written but before they saw them. */

const unread =
  "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n"
const refused = (summary: string, ref = "HEAD -> moose/wo-1a2b3c4d5e6f"): string =>
  `To https://git.example.org/team/app.git\n ! [remote rejected] ${ref} (${summary})\nerror: failed to push some refs to 'https://git.example.org/team/app.git'\n`
const declined = (...words: ReadonlyArray<string>): string =>
  `${words.map((line) => `remote: ${line}\n`).join("")}${refused("pre-receive hook declined")}`
const unpack = (...words: ReadonlyArray<string>): string =>
  `${words.map((line) => `remote: ${line}\n`).join("")}error: remote unpack failed: index-pack abnormal exit\n${refused("unpacker error")}`
const access = (words: string): string =>
  `fatal: unable to access 'https://git.example.org/team/app.git/': ${words}\n`

const hosts = onStderr(false, [
  [
    "gitlab.default-branch",
    "push",
    1,
    declined("GitLab: The default branch of a project cannot be deleted."),
    ["rejected", false, "none"],
    "GitLab's access checks"
  ],
  [
    "gitlab.message",
    "push",
    1,
    declined("GitLab: Commit message does not follow the pattern '^[A-Z]+-'"),
    ["rejected", false, "none"],
    "GitLab's push rules"
  ],
  [
    "gitlab.lfs",
    "push",
    1,
    declined(
      'GitLab: LFS objects are missing. Ensure LFS is properly set up or try a manual "git lfs push --all".'
    ),
    ["rejected", false, "none"],
    "GitLab's access checks"
  ],
  [
    "gitlab.api-502",
    "push",
    1,
    declined("GitLab: Internal API error (502)"),
    ["transient", true, "none"],
    "gitlab-shell"
  ],
  [
    "gerrit.no-change",
    "push",
    1,
    refused("no new changes", "HEAD -> refs/for/main"),
    ["rejected", false, "none"],
    "Gerrit documentation of error messages"
  ],
  [
    "gerrit.prohibited",
    "push",
    1,
    refused("prohibited by Gerrit: not permitted: update", "HEAD -> main"),
    ["rejected", false, "none"],
    "Gerrit documentation of error messages"
  ],
  [
    "gerrit.closed",
    "push",
    1,
    refused("change https://review.example.org/1 closed", "HEAD -> refs/for/main"),
    ["rejected", false, "none"],
    "Gerrit documentation of error messages"
  ],
  [
    "codecommit.permission",
    "push",
    1,
    refused("You don't have permission to push changes to this branch."),
    ["configuration", false, "none"],
    "CodeCommit documentation"
  ],
  [
    "bitbucket.pull-requests",
    "push",
    1,
    declined(
      "Branch refs/heads/main can only be modified through pull requests.",
      "Check your branch permissions configuration with the project administrator."
    ),
    ["rejected", false, "none"],
    "Bitbucket Data Center"
  ],
  [
    "github.gh002",
    "push",
    1,
    declined("error: GH002: Sorry, branch or tag names longer than 244 bytes are not allowed."),
    ["rejected", false, "none"],
    "GitHub"
  ],
  [
    "github.gh003",
    "push",
    1,
    declined("error: GH003: Sorry, force-pushing to main is not allowed."),
    ["rejected", false, "none"],
    "GitHub"
  ],
  [
    "github.gh004",
    "push",
    1,
    declined("error: GH004: Sorry, branch or tag names consisting of 40 hex characters are not allowed."),
    ["rejected", false, "none"],
    "GitHub"
  ],
  [
    "remote.temporary-file",
    "push",
    1,
    unpack(
      "fatal: Unable to create temporary file '/srv/git/app.git/./objects/pack/tmp_pack_XXXXXX': Permission denied"
    ),
    ["configuration", false, "none"],
    "builtin/index-pack.c"
  ],
  [
    "remote.fsck",
    "push",
    1,
    unpack(
      "error: object 1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b: zeroPaddedFilemode: contains zero-padded file modes",
      "fatal: fsck error in packed object"
    ),
    ["permanent", false, "none"],
    "builtin/index-pack.c"
  ]
])

const ways = onStderr(false, [
  [
    "push.empty-reply",
    "push",
    128,
    access("Empty reply from server"),
    ["transient", true, "none"],
    "remote-curl.c discover_refs"
  ],
  [
    "push.unexpected-eof",
    "push",
    128,
    access("error:0A000126:SSL routines::unexpected eof while reading"),
    ["transient", true, "none"],
    "OpenSSL 3"
  ],
  [
    "fetch.protocol-error",
    "fetch",
    128,
    "error: RPC failed; curl 92 HTTP/2 stream 0 was not closed cleanly: PROTOCOL_ERROR (err 1)\nfatal: expected flush after ref listing\n",
    ["transient", true, "none"],
    "libcurl"
  ],
  [
    "fetch.h2-closed",
    "fetch",
    128,
    access("HTTP/2 stream 1 was not closed cleanly before end of the underlying stream"),
    ["transient", true, "none"],
    "libcurl"
  ],
  [
    "fetch.self-signed",
    "fetch",
    128,
    access("SSL certificate problem: self signed certificate in certificate chain"),
    ["configuration", false, "none"],
    "OpenSSL"
  ],
  [
    "fetch.refused",
    "fetch",
    128,
    access("Failed to connect to git.example.org port 443: Connection refused"),
    ["transient", true, "none"],
    "libcurl"
  ],
  [
    "fetch.no-password",
    "fetch",
    128,
    "fatal: could not read Password for 'https://bot@git.example.org': No such device or address\n",
    ["configuration", false, "none"],
    "credential.c"
  ],
  [
    "fetch.basic-denied",
    "fetch",
    128,
    "remote: HTTP Basic: Access denied. The provided password or token is incorrect or your account has 2FA enabled\nfatal: Authentication failed for 'https://gitlab.com/team/app.git/'\n",
    ["configuration", false, "none"],
    "GitLab"
  ],
  [
    "fetch.not-our-ref",
    "fetch",
    128,
    "fatal: remote error: upload-pack: not our ref 1111111111111111111111111111111111111111\n",
    ["permanent", false, "none"],
    "upload-pack.c"
  ],
  [
    "fetch.no-upload-pack",
    "fetch",
    128,
    `bash: line 1: git-upload-pack: command not found\n${unread}`,
    ["configuration", false, "none"],
    "bash on the host"
  ]
])

const files = onStderr(false, [
  [
    "merge.entry",
    "merge",
    1,
    "error: Entry 'a.txt' not uptodate. Cannot merge.\n",
    ["rejected", false, "none"],
    "unpack-trees.c"
  ],
  [
    "commit.husky",
    "commit",
    1,
    "✖ eslint --fix:\nhusky - pre-commit script failed (code 1)\n",
    ["rejected", false, "none"],
    "husky"
  ],
  [
    "add.unreadable",
    "add",
    128,
    "error: open(\"secret.txt\"): Permission denied\nerror: unable to index file 'secret.txt'\nfatal: adding files failed\n",
    ["configuration", false, "none"],
    "object-file.c"
  ]
])

const dangerous = onStderr(true, [
  [
    "push.disconnected",
    "push",
    128,
    `Received disconnect from 140.82.121.4 port 22:11: Bye Bye\nDisconnected from 140.82.121.4 port 22\n${unread}`,
    ["ambiguous", true, "possible"],
    "OpenSSH packet.c"
  ],
  [
    "commit.lock-disk-full",
    "commit",
    128,
    "fatal: Unable to create '/srv/app/.git/index.lock': No space left on device\n",
    ["configuration", false, "none"],
    "lockfile.c: looks like a held lock"
  ],
  [
    "commit.head-moved",
    "commit",
    128,
    "fatal: cannot lock ref 'HEAD': is at 1111111111111111111111111111111111111111 but expected 2222222222222222222222222222222222222222\n",
    ["rejected", false, "none"],
    "refs/files-backend.c"
  ],
  [
    "checkout.unlink",
    "checkout",
    1,
    "error: unable to unlink old 'src/app.ts': Permission denied\n",
    ["configuration", false, "possible"],
    "entry.c"
  ],
  [
    "worktree.leading-directories",
    "worktree",
    128,
    "Preparing worktree (new branch 'moose/wo-1')\nfatal: could not create leading directories of '/srv/wt/.git': Permission denied\n",
    ["configuration", false, "possible"],
    "builtin/worktree.c: the branch is made first"
  ],
  [
    "commit.index-not-written",
    "commit",
    128,
    "fatal: unable to write new index file\n",
    ["ambiguous", false, "possible"],
    "builtin/commit.c"
  ],
  [
    "push.two-refs-one-broke",
    "push",
    1,
    "remote: Internal Server Error\nTo https://git.example.org/team/app.git\n   1111111..2222222  main -> main\n ! [remote rejected] HEAD -> x (Internal Server Error)\nerror: failed to push some refs to 'https://git.example.org/team/app.git'\n",
    ["rejected", false, "certain"],
    "transport.c"
  ],
  [
    "push.protocol-error",
    "push",
    128,
    "fatal: protocol error: bad line length character: Inte\n",
    ["configuration", false, "possible"],
    "pkt-line.c: anything may have been stored"
  ]
])

export const gitMoreCases: ReadonlyArray<EndedCase> = [...hosts, ...ways, ...files, ...dangerous]
