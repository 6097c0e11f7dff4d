import { type EndedCase, onStderr } from "./Ended.ts"

/**
 * Git failures from its sources (git/git at 1a3e64c), its translations, and issue threads. Written, and
 * labelled, before the rules were.
 */

const hungUp =
  "send-pack: unexpected disconnect while reading sideband packet\nfatal: the remote end hung up unexpectedly\nEverything up-to-date\n"
const unread =
  "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n"
const refused = (summary: string, ref = "HEAD -> moose/wo-1a2b3c4d5e6f"): string =>
  `To https://git.example.org/team/app.git\n ! [remote rejected] ${ref} (${summary})\nerror: failed to push some refs to 'https://git.example.org/team/app.git'\n`

const dangerous = onStderr(true, [
  [
    "push.remote-failure",
    "push",
    1,
    "remote: Internal Server Error\nTo github.com:team/app.git\n ! [remote failure]  positions -> positions (remote failed to report status)\nerror: failed to push some refs to 'git@github.com:team/app.git'\n",
    ["ambiguous", true, "possible"],
    "LSSTDESC/descwl-shear-sims#64"
  ],
  [
    "push.server-error-up-to-date",
    "push",
    1,
    "remote: Resolving deltas: 100% (28118/28118), completed with 16 local objects.\nremote: Internal Server Error\nEverything up-to-date\n",
    ["ambiguous", true, "possible"],
    "isaacs/github#1666"
  ],
  [
    "push.unpacker-error-bare",
    "push",
    1,
    `error: remote unpack failed: index-pack abnormal exit\n${refused("unpacker error", "main -> main")}`,
    ["ambiguous", false, "none"],
    "nfdi4plants/ARCitect#262: the real reason was a size limit"
  ],
  [
    "push.gnutls-terminated",
    "push",
    1,
    `error: RPC failed; curl 56 GnuTLS recv error (-110): The TLS connection was non-properly terminated.\n${hungUp}`,
    ["ambiguous", true, "possible"],
    "remote-curl.c; libcurl's gtls.c"
  ],
  [
    "push.curl-55",
    "push",
    1,
    `error: RPC failed; curl 55 Send failure: Broken pipe\n${hungUp}`,
    ["ambiguous", true, "possible"],
    "remote-curl.c; libcurl CURLE_SEND_ERROR"
  ],
  [
    "push.http-408",
    "push",
    1,
    `error: RPC failed; HTTP 408 curl 22 The requested URL returned error: 408\n${hungUp}`,
    ["ambiguous", true, "possible"],
    "remote-curl.c; GitHub answers 408 to slow packs"
  ],
  [
    "push.http-524",
    "push",
    1,
    `error: RPC failed; HTTP 524 curl 22 The requested URL returned error: 524\n${hungUp}`,
    ["ambiguous", true, "possible"],
    "remote-curl.c; Cloudflare's time-out of the origin"
  ],
  [
    "push.http-503-spanish",
    "push",
    1,
    "error: RPC falló; HTTP 503 curl 22 The requested URL returned error: 503\nsend-pack: desconexión inesperada mientras se leía el paquete de banda lateral\nfatal: el remoto se colgó de manera inesperada\nEverything up-to-date\n",
    ["ambiguous", true, "possible"],
    "git's po/es.po"
  ],
  [
    "push.ssh-closed",
    "push",
    128,
    `Connection closed by 140.82.121.4 port 22\n${unread}`,
    ["ambiguous", true, "possible"],
    "OpenSSH packet.c: printed at any moment of a session"
  ],
  [
    "push.ssh-not-responding",
    "push",
    128,
    `Timeout, server git.example.org not responding.\n${unread}`,
    ["ambiguous", true, "possible"],
    "OpenSSH clientloop.c (ServerAliveInterval)"
  ],
  [
    "push.ssh-hung-up",
    "push",
    128,
    "send-pack: unexpected disconnect while reading sideband packet\nfatal: the remote end hung up unexpectedly\n",
    ["ambiguous", true, "possible"],
    "send-pack.c, pkt-line.c"
  ],
  [
    "push.pack-objects-killed",
    "push",
    128,
    "error: pack-objects died of signal 9\nfatal: the remote end hung up unexpectedly\nerror: failed to push some refs to 'git@git.example.org:team/app.git'\n",
    ["ambiguous", true, "possible"],
    "send-pack.c"
  ],
  [
    "push.accepted-but-tracking-failed",
    "push",
    1,
    "To git.example.org:team/app.git\n * [new branch]      HEAD -> moose/wo-1a2b3c4d5e6f\nerror: update_ref failed for ref 'refs/remotes/origin/moose/wo-1a2b3c4d5e6f': cannot lock ref\n",
    ["ambiguous", false, "certain"],
    "transport.c: the tracking ref is written after the push"
  ],
  [
    "push.porcelain-partial",
    "push",
    1,
    "error: failed to push some refs to 'https://git.example.org/team/app.git'\n",
    ["rejected", false, "certain"],
    "transport.c print_ref_status with --porcelain",
    {
      stdout:
        "To https://git.example.org/team/app.git\n*\trefs/heads/a:refs/heads/a\t[new branch]\n!\trefs/heads/main:refs/heads/main\t[remote rejected] (pre-receive hook declined)\nDone\n"
    }
  ],
  ["push.exit-137", "push", 137, "", ["ambiguous", true, "possible"], "bash: 128 + SIGKILL"],
  [
    "commit.sigterm",
    "commit",
    null,
    "",
    ["ambiguous", true, "possible"],
    "a process that was ended",
    { signal: "SIGTERM" }
  ],
  [
    "push.unheard-of",
    "push",
    128,
    "fatal: the flux capacitor is not installed\n",
    ["ambiguous", false, "possible"],
    "no version of git prints this"
  ],
  [
    "push.unheard-of-translated",
    "push",
    128,
    "fatal : la poussée est restée coincée dans l'escalier\n",
    ["ambiguous", false, "possible"],
    "no translation of git prints this"
  ],
  [
    "commit.index-not-written-after-commit",
    "commit",
    128,
    'fatal: repository has been updated, but unable to write\nnew index file. Check that disk is not full and quota is\nnot exceeded, and then "git restore --staged :/" to recover.\n',
    ["configuration", false, "certain"],
    "builtin/commit.c"
  ],
  [
    "checkout.disk-full",
    "checkout",
    128,
    "error: unable to create file src/app.ts: No space left on device\nfatal: cannot create directory at 'src/lib': No space left on device\n",
    ["configuration", false, "possible"],
    "entry.c"
  ],
  [
    "fetch.disk-full",
    "fetch",
    128,
    "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n",
    ["configuration", false, "none"],
    "fetch-pack.c: looks like a cut transfer"
  ],
  [
    "cherry-pick.conflict",
    "cherry-pick",
    1,
    'error: could not apply 1a2b3c4... fix: retries\nhint: After resolving the conflicts, mark them with\nhint: "git add/rm <pathspec>", then run\nhint: "git cherry-pick --continue".\n',
    ["rejected", false, "possible"],
    "sequencer.c",
    { stdout: "Auto-merging a.txt\nCONFLICT (content): Merge conflict in a.txt\n" }
  ],
  [
    "stash.pop-conflict",
    "stash",
    1,
    "",
    ["rejected", false, "possible"],
    "builtin/stash.c",
    {
      stdout:
        "Auto-merging a.txt\nCONFLICT (content): Merge conflict in a.txt\nThe stash entry is kept in case you need it again.\n"
    }
  ],
  [
    "am.does-not-apply",
    "am",
    128,
    "error: patch failed: src/a.ts:1\nerror: src/a.ts: patch does not apply\nhint: Use 'git am --show-current-patch=diff' to see the failed patch\n",
    ["rejected", false, "possible"],
    "builtin/am.c: the session stays open",
    { stdout: "Applying: fix: retries\nPatch failed at 0001 fix: retries\n" }
  ],
  [
    "apply.partly",
    "apply",
    1,
    "Checking patch a.txt...\nerror: while searching for:\nold\n\nerror: patch failed: a.txt:1\nChecking patch b.txt...\nApplying patch a.txt with 1 reject...\nRejected hunk #1.\nApplied patch b.txt cleanly.\n",
    ["rejected", false, "certain"],
    "apply.c with --reject"
  ],
  [
    "lock.stale-owner-gone",
    "commit",
    128,
    "fatal: Unable to create '/srv/app/.git/index.lock': File exists.\n\nLock was held by process 4711, which is no longer running; the lock file appears to be stale\n",
    ["configuration", false, "none"],
    "lockfile.c with core.lockfilePid"
  ],
  [
    "lock.read-only",
    "branch",
    128,
    "fatal: cannot lock ref 'refs/heads/x': Unable to create '/srv/app/.git/refs/heads/x.lock': Read-only file system\n",
    ["configuration", false, "none"],
    "lockfile.c: looks like a held lock"
  ],
  [
    "worktree.remove-half",
    "worktree",
    255,
    "error: failed to delete '/srv/wt': Permission denied\n",
    ["configuration", false, "possible"],
    "builtin/worktree.c delete_git_work_tree"
  ]
])

const pushes = onStderr(false, [
  [
    "push.gitlab-protected",
    "push",
    1,
    `remote: GitLab: You are not allowed to force push code to a protected branch on this project.\n${refused("pre-receive hook declined", "master -> master")}`,
    ["rejected", false, "none"],
    "gitlabhq/gitlabhq#10405"
  ],
  [
    "push.azure-policy",
    "push",
    1,
    refused(
      "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch.",
      "main -> main"
    ),
    ["rejected", false, "none"],
    "microsoft/win-net-test#45"
  ],
  [
    "push.azure-permission",
    "push",
    128,
    "remote: TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: identity 'Build\\9ae909ca', scope 'repository'.\nfatal: unable to access 'https://dev.azure.com/demo/app/_git/app/': The requested URL returned error: 403\n",
    ["configuration", false, "none"],
    "gbrueckl/PowerBI.CICD#2"
  ],
  [
    "push.gitea-internal",
    "push",
    1,
    `remote: \nremote: Gitea: Internal Server Error\n${refused("pre-receive hook declined", "master -> master")}`,
    ["transient", true, "none"],
    "go-gitea/gitea#22293"
  ],
  [
    "push.pack-too-large",
    "push",
    1,
    `remote: fatal: pack exceeds maximum allowed size\nerror: remote unpack failed: index-pack abnormal exit\n${refused("unpacker error")}`,
    ["rejected", false, "none"],
    "builtin/index-pack.c; Bitbucket's 3.5 GB limit"
  ],
  [
    "push.gh001",
    "push",
    1,
    `remote: error: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com.\nremote: error: File data.csv is 131.75 MB; this exceeds GitHub's file size limit of 100.00 MB\n${refused("pre-receive hook declined")}`,
    ["rejected", false, "none"],
    "git-lfs/git-lfs#3337"
  ],
  [
    "push.lfs-quota",
    "push",
    1,
    "batch response: This repository is over its data quota. Account responsible for LFS bandwidth should purchase more data packs to restore access.\nerror: failed to push some refs to 'https://github.com/team/app.git'\n",
    ["budget", false, "none"],
    "git-lfs issues"
  ],
  [
    "push.gh013-signatures",
    "push",
    1,
    `remote: error: GH013: Repository rule violations found for refs/heads/main.\nremote: Review all repository rules at https://github.com/team/app/rules?ref=refs%2Fheads%2Fmain\nremote: \nremote: - Commits must have verified signatures.\nremote:   Found 1 violation:\n${refused("push declined due to repository rule violations")}`,
    ["rejected", false, "none"],
    "GitHub documentation of rulesets"
  ],
  [
    "push.checked-out",
    "push",
    1,
    `remote: error: refusing to update checked out branch: refs/heads/main\nremote: error: By default, updating the current branch in a non-bare repository\n${refused("branch is currently checked out", "main -> main")}`,
    ["rejected", false, "none"],
    "builtin/receive-pack.c"
  ],
  [
    "push.hidden-ref",
    "push",
    1,
    refused("deny updating a hidden ref", "refs/pull/12/head -> refs/pull/12/head"),
    ["rejected", false, "none"],
    "builtin/receive-pack.c"
  ],
  [
    "push.remote-disk-full",
    "push",
    1,
    `remote: fatal: write error: No space left on device\nerror: remote unpack failed: index-pack abnormal exit\n${refused("unpacker error")}`,
    ["configuration", false, "none"],
    "builtin/index-pack.c"
  ],
  [
    "push.remote-object-permission",
    "push",
    1,
    `remote: error: insufficient permission for adding an object to repository database ./objects\nremote: fatal: failed to write object\nerror: remote unpack failed: unpack-objects abnormal exit\n${refused("unpacker error")}`,
    ["configuration", false, "none"],
    "object-file.c"
  ],
  [
    "push.kex-reset",
    "push",
    128,
    `kex_exchange_identification: read: Connection reset by peer\nConnection reset by 140.82.121.4 port 22\n${unread}`,
    ["transient", true, "none"],
    "OpenSSH kex.c: before anything was sent"
  ],
  [
    "push.remote-lock",
    "push",
    1,
    `remote: error: cannot lock ref 'refs/heads/x': Unable to create '/srv/git/app.git/refs/heads/x.lock': File exists.\n${refused("failed to update ref", "HEAD -> x")}`,
    ["transient", true, "none"],
    "builtin/receive-pack.c, lockfile.c"
  ],
  [
    "push.incorrect-old-value",
    "push",
    1,
    refused("incorrect old value provided"),
    ["rejected", false, "none"],
    "refs.c, batched updates"
  ],
  [
    "push.gh006-checks",
    "push",
    1,
    `remote: error: GH006: Protected branch update failed for refs/heads/main.\nremote: error: Required status check "build" is expected.\n${refused("protected branch hook declined", "main -> main")}`,
    ["rejected", false, "none"],
    "GitHub documentation of protected branches"
  ],
  [
    "push.archived-https",
    "push",
    128,
    "remote: This repository was archived so it is read-only.\nfatal: unable to access 'https://github.com/team/app.git/': The requested URL returned error: 403\n",
    ["permanent", false, "none"],
    "nextcloud/docker-ci and many others"
  ],
  [
    "push.write-not-granted",
    "push",
    128,
    "remote: Write access to repository not granted.\nfatal: unable to access 'https://github.com/team/app.git/': The requested URL returned error: 403\n",
    ["configuration", false, "none"],
    "actions/checkout issues"
  ],
  [
    "push.password",
    "push",
    128,
    "remote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://github.com/team/app.git/'\n",
    ["configuration", false, "none"],
    "GitHub documentation"
  ],
  [
    "push.saml",
    "push",
    128,
    `ERROR: The 'team' organization has enabled or enforced SAML SSO. To access\nthis repository, you must use the HTTPS remote with a personal access token\nor SSH with an SSH key that has been authorized for this organization.\n${unread}`,
    ["configuration", false, "none"],
    "GitHub documentation of SAML"
  ],
  [
    "push.suspended",
    "push",
    128,
    "remote: Your account is suspended. Please visit https://support.github.com for more information.\nfatal: unable to access 'https://github.com/team/app.git/': The requested URL returned error: 403\n",
    ["configuration", false, "none"],
    "GitHub community threads"
  ],
  [
    "push.denied-non-ff",
    "push",
    1,
    `remote: error: denying non-fast-forward refs/heads/main (you should pull first)\n${refused("non-fast-forward", "main -> main")}`,
    ["rejected", false, "none"],
    "builtin/receive-pack.c"
  ],
  [
    "push.missing-objects",
    "push",
    1,
    `remote: fatal: did not receive expected object 1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b\nerror: remote unpack failed: index-pack abnormal exit\n${refused("missing necessary objects")}`,
    ["permanent", false, "none"],
    "builtin/index-pack.c"
  ],
  [
    "push.curl-7",
    "push",
    1,
    `error: RPC failed; curl 7 Failed to connect to git.example.org port 443 after 134 ms: Couldn't connect to server\n${hungUp}`,
    ["transient", true, "none"],
    "remote-curl.c: the connection for the pack was never made"
  ],
  [
    "push.unable-to-access-504",
    "push",
    128,
    "fatal: unable to access 'https://git.example.org/team/app.git/': The requested URL returned error: 504\n",
    ["transient", true, "none"],
    "remote-curl.c discover_refs: before anything was sent"
  ],
  [
    "push.http-401",
    "push",
    1,
    `error: RPC failed; HTTP 401 curl 22 The requested URL returned error: 401\n${hungUp}`,
    ["configuration", false, "none"],
    "remote-curl.c"
  ],
  [
    "push.no-such-remote",
    "push",
    128,
    `fatal: 'upstream' does not appear to be a git repository\n${unread}`,
    ["configuration", false, "none"],
    "upload-pack and receive-pack over file://"
  ],
  [
    "push.dst-ambiguous",
    "push",
    1,
    "error: The destination you provided is not a full refname (i.e.,\nstarting with \"refs/\"). We tried to guess what you meant by:\nerror: failed to push some refs to 'https://git.example.org/team/app.git'\n",
    ["permanent", false, "none"],
    "remote.c"
  ]
])

const reads = onStderr(false, [
  [
    "clone.gnutls-54",
    "clone",
    128,
    "Cloning into 'app'...\nerror: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.\nfatal: The remote end hung up unexpectedly\nfatal: early EOF\nfatal: index-pack failed\n",
    ["transient", true, "none"],
    "anshumanbh/git-all-secrets#27"
  ],
  [
    "clone.curl-16",
    "clone",
    128,
    "Cloning into 'app'...\nerror: RPC failed; curl 16 Error in the HTTP2 framing layer\nerror: 7462 bytes of body are still expected\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n",
    ["transient", true, "none"],
    "dail8859/NotepadNext#533"
  ],
  [
    "fetch.ssl-syscall",
    "fetch",
    128,
    "fatal: unable to access 'https://github.com/team/app.git/': OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to github.com:443\n",
    ["transient", true, "none"],
    "libcurl's openssl.c"
  ],
  [
    "fetch.gnutls-handshake",
    "fetch",
    128,
    "fatal: unable to access 'https://github.com/team/app.git/': gnutls_handshake() failed: The TLS connection was non-properly terminated.\n",
    ["transient", true, "none"],
    "libcurl's gtls.c"
  ],
  [
    "fetch.issuer",
    "fetch",
    128,
    "fatal: unable to access 'https://git.example.org/team/app.git/': SSL certificate problem: unable to get local issuer certificate\n",
    ["configuration", false, "none"],
    "libcurl's openssl.c"
  ],
  [
    "fetch.schannel-revocation",
    "fetch",
    128,
    "fatal: unable to access 'https://git.example.org/team/app.git/': schannel: next InitializeSecurityContext failed: CRYPT_E_NO_REVOCATION_CHECK (0x80092012) - The revocation function was unable to check revocation for the certificate.\n",
    ["configuration", false, "none"],
    "libcurl's schannel.c"
  ],
  [
    "fetch.windows-reset",
    "fetch",
    128,
    "fatal: unable to access 'https://github.com/team/app.git/': Recv failure: Connection was reset\n",
    ["transient", true, "none"],
    "Git for Windows issues"
  ],
  [
    "fetch.502",
    "fetch",
    128,
    "fatal: unable to access 'https://gitlab.com/team/app.git/': The requested URL returned error: 502\n",
    ["transient", true, "none"],
    "remote-curl.c"
  ],
  [
    "fetch.proxy-407",
    "fetch",
    128,
    "fatal: unable to access 'https://github.com/team/app.git/': CONNECT tunnel failed, response 407\n",
    ["configuration", false, "none"],
    "libcurl's cf-h1-proxy.c"
  ],
  [
    "fetch.git-protocol-timeout",
    "fetch",
    128,
    "fatal: unable to connect to git.example.org:\ngit.example.org[0: 203.0.113.7]: errno=Connection timed out\n",
    ["transient", true, "none"],
    "connect.c"
  ],
  [
    "fetch.git-protocol-lookup",
    "fetch",
    128,
    "fatal: unable to look up git.example.org (port 9418) (Name or service not known)\n",
    ["transient", true, "none"],
    "connect.c"
  ],
  [
    "fetch.daemon-denied",
    "fetch",
    128,
    "fatal: remote error: access denied or repository not exported: /team/app.git\n",
    ["ambiguous", false, "none"],
    "daemon.c"
  ],
  [
    "fetch.not-git-smart",
    "fetch",
    128,
    "fatal: protocol error: bad line length character: <htm\n",
    ["configuration", false, "none"],
    "pkt-line.c"
  ],
  [
    "fetch.not-git-dumb",
    "fetch",
    128,
    "fatal: https://git.example.org/team/app/info/refs not valid: is this a git repository?\n",
    ["configuration", false, "none"],
    "remote-curl.c"
  ],
  [
    "fetch.login-redirect",
    "fetch",
    128,
    "fatal: unable to update url base from redirection:\n  asked for: https://git.example.org/team/app.git/info/refs?service=git-upload-pack\n   redirect: https://login.example.org/saml?next=1\n",
    ["configuration", false, "none"],
    "http.c"
  ],
  [
    "fetch.concurrent",
    "fetch",
    1,
    "error: cannot lock ref 'refs/remotes/origin/x': is at 1111111111111111111111111111111111111111 but expected 2222222222222222222222222222222222222222\nFrom https://git.example.org/team/app\n ! 2222222..3333333  x          -> origin/x  (unable to update local ref)\n",
    ["transient", true, "none"],
    "refs/files-backend.c; two fetches at once"
  ],
  [
    "fetch.directory-conflict",
    "fetch",
    1,
    "error: cannot lock ref 'refs/remotes/origin/feat/x': 'refs/remotes/origin/feat' exists; cannot create 'refs/remotes/origin/feat/x'\nFrom https://git.example.org/team/app\n ! [new branch]      feat/x     -> origin/feat/x  (unable to update local ref)\nerror: some local refs could not be updated; try running\n 'git remote prune origin' to remove any old, conflicting branches\n",
    ["permanent", false, "none"],
    "refs.c, builtin/fetch.c"
  ],
  [
    "fetch.shallow-changed",
    "fetch",
    128,
    "fatal: shallow file has changed since we read it\n",
    ["transient", true, "none"],
    "shallow.c"
  ],
  [
    "fetch.not-ff",
    "fetch",
    1,
    "From https://git.example.org/team/app\n ! [rejected]        main       -> main  (non-fast-forward)\n",
    ["rejected", false, "none"],
    "builtin/fetch.c"
  ],
  [
    "fetch.transport-not-allowed",
    "fetch",
    128,
    "fatal: transport 'ext' not allowed\n",
    ["configuration", false, "none"],
    "transport.c"
  ],
  [
    "fetch.host-key-changed",
    "fetch",
    128,
    `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n${unread}`,
    ["configuration", false, "none"],
    "OpenSSH sshconnect.c"
  ],
  [
    "fetch.key-format",
    "fetch",
    128,
    `Load key "/home/ci/.ssh/id": error in libcrypto\ngit@git.example.org: Permission denied (publickey,keyboard-interactive).\n${unread}`,
    ["configuration", false, "none"],
    "OpenSSH sshconnect2.c"
  ],
  [
    "fetch.helper-missing",
    "fetch",
    128,
    "git: 'remote-https' is not a git command. See 'git --help'.\nfatal: unable to find remote helper for 'https'\n",
    ["configuration", false, "none"],
    "transport-helper.c"
  ],
  [
    "fetch.rate-limited",
    "fetch",
    128,
    "fatal: rate limited by 'https://git.example.org/team/app.git/', please try again in 30 seconds\n",
    ["transient", true, "none"],
    "remote-curl.c"
  ],
  [
    "fetch.gitlab-not-found",
    "fetch",
    128,
    "remote: The project you were looking for could not be found or you don't have permission to view it.\nfatal: repository 'https://gitlab.com/team/app.git/' not found\n",
    ["ambiguous", false, "none"],
    "GitLab documentation"
  ],
  [
    "fetch.azure-not-found",
    "fetch",
    128,
    "remote: TF401019: The Git repository with name or identifier app does not exist or you do not have permissions for the operation you are attempting.\nfatal: repository 'https://dev.azure.com/demo/app/_git/app/' not found\n",
    ["ambiguous", false, "none"],
    "Azure DevOps documentation"
  ],
  [
    "fetch.bitbucket-not-found",
    "fetch",
    128,
    `conq: repository does not exist.\n${unread}`,
    ["ambiguous", false, "none"],
    "Bitbucket over ssh"
  ],
  [
    "fetch.killed",
    "fetch",
    null,
    "",
    ["transient", true, "none"],
    "a fetch that was ended leaves the remote as it was",
    { signal: "SIGKILL" }
  ]
])

const local = onStderr(false, [
  [
    "commit.empty-message",
    "commit",
    1,
    "Aborting commit due to empty commit message.\n",
    ["rejected", false, "none"],
    "builtin/commit.c"
  ],
  [
    "commit.no-gpg",
    "commit",
    128,
    "error: cannot run gpg: No such file or directory\nerror: gpg failed to sign the data:\n(no gpg output)\nfatal: failed to write commit object\n",
    ["configuration", false, "none"],
    "gpg-interface.c"
  ],
  [
    "commit.object-permission",
    "commit",
    128,
    "error: insufficient permission for adding an object to repository database .git/objects\nerror: Error building trees\n",
    ["configuration", false, "none"],
    "object-file.c"
  ],
  [
    "commit.nothing-french",
    "commit",
    1,
    "",
    ["permanent", false, "none"],
    "git's po/fr.po",
    { stdout: "Sur la branche main\nrien à valider, la copie de travail est propre\n" }
  ],
  [
    "commit.lock-chinese",
    "commit",
    128,
    "致命错误：无法创建 '/srv/app/.git/index.lock'：文件已存在。\n\n似乎另外一个 git 进程在这个仓库中运行，例如：'git commit' 命令打\n开了一个编辑器。请确认所有进程都已经关闭然后重试。如果仍然报错，\n可能之前有一个 git 进程在这个仓库中异常退出：\n手动删除这个文件再继续。\n",
    ["transient", true, "none"],
    "git's po/zh_CN.po"
  ],
  [
    "commit.lock-new-wording",
    "commit",
    128,
    "fatal: Unable to create '/srv/app/.git/index.lock': File exists.\n\nAnother git process seems to be running in this repository, or the lock file may be stale\n",
    ["transient", true, "none"],
    "lockfile.c"
  ],
  [
    "merge.local-changes",
    "merge",
    1,
    "error: Your local changes to the following files would be overwritten by merge:\n\ta.txt\nPlease commit your changes or stash them before you merge.\nAborting\n",
    ["rejected", false, "none"],
    "unpack-trees.c"
  ],
  [
    "merge.untracked",
    "merge",
    1,
    "error: The following untracked working tree files would be overwritten by merge:\n\tb.txt\nPlease move or remove them before you merge.\nAborting\n",
    ["rejected", false, "none"],
    "unpack-trees.c"
  ],
  [
    "merge.unrelated",
    "merge",
    128,
    "fatal: refusing to merge unrelated histories\n",
    ["permanent", false, "none"],
    "builtin/merge.c"
  ],
  [
    "merge.not-concluded",
    "merge",
    128,
    "fatal: You have not concluded your merge (MERGE_HEAD exists).\nPlease, commit your changes before you merge.\n",
    ["configuration", false, "none"],
    "builtin/merge.c"
  ],
  [
    "rebase.dirty",
    "rebase",
    1,
    "error: cannot rebase: You have unstaged changes.\nerror: Please commit or stash them.\n",
    ["rejected", false, "none"],
    "wt-status.c"
  ],
  [
    "apply.does-not-apply",
    "apply",
    1,
    "error: patch failed: src/a.ts:10\nerror: src/a.ts: patch does not apply\n",
    ["rejected", false, "none"],
    "apply.c"
  ],
  [
    "apply.no-such-file",
    "apply",
    1,
    "error: src/gone.ts: No such file or directory\n",
    ["rejected", false, "none"],
    "apply.c"
  ],
  [
    "worktree.invalid-reference",
    "worktree",
    128,
    "fatal: invalid reference: origin/none\n",
    ["permanent", false, "none"],
    "builtin/worktree.c"
  ],
  [
    "worktree.already-checked-out",
    "worktree",
    128,
    "Preparing worktree (checking out 'feat/a')\nfatal: 'feat/a' is already checked out at '/srv/wt'\n",
    ["configuration", false, "none"],
    "branch.c before 2.42"
  ],
  [
    "worktree.locked",
    "worktree",
    128,
    "fatal: cannot remove a locked working tree, lock reason: in use\nuse 'remove -f -f' to override or unlock first\n",
    ["configuration", false, "none"],
    "builtin/worktree.c"
  ],
  [
    "worktree.not-there",
    "worktree",
    128,
    "fatal: '/srv/wt' is not a working tree\n",
    ["permanent", false, "none"],
    "builtin/worktree.c"
  ],
  [
    "branch.exists",
    "branch",
    128,
    "fatal: a branch named 'feat/a' already exists\n",
    ["configuration", false, "none"],
    "branch.c"
  ],
  [
    "branch.not-merged",
    "branch",
    1,
    "error: The branch 'feat/a' is not fully merged.\nIf you are sure you want to delete it, run 'git branch -D feat/a'.\n",
    ["rejected", false, "none"],
    "builtin/branch.c"
  ],
  [
    "rev-parse.unknown",
    "rev-parse",
    128,
    "fatal: ambiguous argument 'feat/none': unknown revision or path not in the working tree.\nUse '--' to separate paths from revisions, like this:\n'git <command> [<revision>...] -- [<file>...]'\n",
    ["permanent", false, "none"],
    "setup.c"
  ],
  [
    "rev-parse.single",
    "rev-parse",
    128,
    "fatal: Needed a single revision\n",
    ["permanent", false, "none"],
    "builtin/rev-parse.c"
  ],
  [
    "log.inflate",
    "log",
    128,
    "error: inflate: data stream error (incorrect header check)\nerror: unable to unpack 1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b header\nfatal: loose object 1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b (stored in .git/objects/1a/2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b) is corrupt\n",
    ["permanent", false, "none"],
    "object-file.c"
  ],
  [
    "status.index-signature",
    "status",
    128,
    "error: bad signature 0x00000000\nfatal: index file corrupt\n",
    ["permanent", false, "none"],
    "read-cache.c"
  ],
  [
    "status.out-of-memory",
    "status",
    128,
    "fatal: Out of memory, malloc failed (tried to allocate 1073741824 bytes)\n",
    ["transient", true, "none"],
    "wrapper.c"
  ],
  [
    "status.bad-config",
    "status",
    128,
    "fatal: bad config line 3 in file .git/config\n",
    ["configuration", false, "none"],
    "config.c"
  ],
  [
    "status.gitdir-gone",
    "status",
    128,
    "fatal: not a git repository: /srv/app/.git/worktrees/wo-1\n",
    ["ambiguous", false, "none"],
    "setup.c"
  ],
  [
    "status.not-a-repository-german",
    "status",
    128,
    "Schwerwiegend: Kein Git-Repository (oder irgendeines der Elternverzeichnisse): .git\n",
    ["ambiguous", false, "none"],
    "git's po/de.po"
  ],
  [
    "status.bare",
    "status",
    128,
    "fatal: this operation must be run in a work tree\n",
    ["configuration", false, "none"],
    "setup.c"
  ]
])

export const gitCases: ReadonlyArray<EndedCase> = [...dangerous, ...pushes, ...reads, ...local]
