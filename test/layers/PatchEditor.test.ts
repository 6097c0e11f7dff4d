import { execFileSync } from "node:child_process"
import * as NodeFs from "node:fs"
import * as NodePath from "node:path"
import { NodeFileSystem, NodePath as NodePathLayer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { createTwoFilesPatch } from "diff"
import { Arbitrary, Deferred, Effect, Exit, Fiber, FileSystem, Layer, PlatformError, Schema } from "effect"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { type Edit, Proposal } from "../../src/domain/Proposal.ts"
import * as PatchEditor from "../../src/layers/PatchEditor.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import { asking, suite } from "../support/EditorSuite.ts"

const whole = (path: string, content: string): Edit => ({ _tag: "WholeFile", path, content })
const replace = (path: string, search: string, replace: string): Edit => ({
  _tag: "SearchReplace",
  path,
  search,
  replace
})
const unified = (path: string, diff: string): Edit => ({ _tag: "UnifiedDiff", path, diff })
const remove = (path: string): Edit => ({ _tag: "DeleteFile", path })

const real = Layer.merge(NodeFileSystem.layer, NodePathLayer.layer)

const temporary = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "patch-editor-" }))
}).pipe(Effect.provide(real))

/** A worktree with a linked-worktree `.git` file, two folders and a program, inside a folder of its own. */
const worktree = Effect.map(temporary, (outer) => {
  const directory = NodePath.join(outer, "worktree")
  NodeFs.mkdirSync(NodePath.join(directory, "src", "deep"), { recursive: true })
  NodeFs.writeFileSync(NodePath.join(directory, ".git"), "gitdir: ../repository\n")
  NodeFs.writeFileSync(NodePath.join(directory, "src", "a.txt"), "one\ntwo\nthree\n")
  NodeFs.writeFileSync(NodePath.join(directory, "src", "deep", "b.txt"), "bee\n")
  NodeFs.writeFileSync(NodePath.join(directory, "run.sh"), "#!/bin/sh\necho run\n", { mode: 0o755 })
  NodeFs.writeFileSync(NodePath.join(outer, "outside.txt"), "outside\n")
  return directory
})

type Disk = (real: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>

const diskLayer = (disk: Disk) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (real) => ({ ...real, ...disk(real) }))
  )

const editorOn = (disk: Disk) => PatchEditor.layer.pipe(Layer.provide(diskLayer(disk)), Layer.provide(real))

const applyOn = (
  disk: Disk,
  directory: string,
  edits: readonly [Edit, ...Array<Edit>],
  filesInScope: ReadonlyArray<string> = []
) =>
  Effect.gen(function* () {
    const editor = yield* CodeEditor
    const proposal = new Proposal({
      summary: "test",
      edits,
      commitMessage: "test",
      pullRequestTitle: "test",
      pullRequestBody: ""
    })
    return yield* editor.apply({ ...asking, directory, instructions: "/nowhere", proposal, filesInScope })
  }).pipe(Effect.provide(editorOn(disk)))

const apply = (
  directory: string,
  edits: readonly [Edit, ...Array<Edit>],
  filesInScope: ReadonlyArray<string> = []
) => applyOn(() => ({}), directory, edits, filesInScope)

const read = (directory: string, path: string) => NodeFs.readFileSync(NodePath.join(directory, path), "utf8")
const write = (directory: string, path: string, content: string | Uint8Array) =>
  NodeFs.writeFileSync(NodePath.join(directory, path), content)
const modeOf = (directory: string, path: string) =>
  NodeFs.statSync(NodePath.join(directory, path)).mode & 0o777

/** Everything in a folder: kind, mode, inode and bytes of each entry. */
const snapshot = (directory: string) =>
  NodeFs.readdirSync(directory, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((path) => {
      const at = NodePath.join(directory, path)
      const info = NodeFs.lstatSync(at)
      const content = info.isFile()
        ? NodeFs.readFileSync(at, "hex")
        : info.isSymbolicLink()
          ? NodeFs.readlinkSync(at)
          : ""
      return `${path} ${info.mode.toString(8)} ${info.isFile() ? info.ino : ""} ${content}`
    })

/** The failure of an edit, which must have left everything as it was. */
const refusal = Effect.fnUntraced(function* (
  directory: string,
  edits: readonly [Edit, ...Array<Edit>],
  filesInScope: ReadonlyArray<string> = [],
  disk: Disk = () => ({})
) {
  const before = snapshot(NodePath.dirname(directory))
  const reason = yield* Effect.flip(applyOn(disk, directory, edits, filesInScope))
  assert.deepStrictEqual(snapshot(NodePath.dirname(directory)), before)
  return reason
})

const assertUnsafe = (reason: { readonly _tag: string }, why: RegExp) => {
  if (reason._tag !== "UnsafeEdit" || !("why" in reason)) return assert.fail(JSON.stringify(reason))
  assert.match(String(reason.why), why)
}

const assertRejected = (
  reason: { readonly _tag: string },
  expected: { readonly edit?: number; readonly path?: string; readonly problem: RegExp }
) => {
  if (reason._tag !== "EditorRejectedEdits" || !("problem" in reason))
    return assert.fail(JSON.stringify(reason))
  assert.match(String(reason.problem), expected.problem)
  if ("edit" in reason) assert.strictEqual(reason.edit, expected.edit ?? 1)
  if ("path" in reason) assert.strictEqual(reason.path, expected.path ?? "src/a.txt")
}

suite("PatchEditor", PatchEditor.layer.pipe(Layer.provide(real)))

describe("edits", () => {
  it.effect("are made in order, later ones on the result of earlier ones", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const paths = yield* apply(directory, [
        whole("./new/folder/c.txt", "see\n"),
        replace("src/a.txt", "two", "2"),
        replace("src/a.txt", "2\nthree", "2\n3"),
        unified(
          "new/folder/c.txt",
          "--- a/new/folder/c.txt\n+++ b/new/folder/c.txt\n@@ -1 +1,2 @@\n see\n+more\n"
        ),
        remove("src/deep/b.txt")
      ])
      assert.deepStrictEqual(paths, ["new/folder/c.txt", "src/a.txt", "src/deep/b.txt"])
      assert.strictEqual(read(directory, "src/a.txt"), "one\n2\n3\n")
      assert.strictEqual(read(directory, "new/folder/c.txt"), "see\nmore\n")
      assert.isFalse(NodeFs.existsSync(NodePath.join(directory, "src/deep/b.txt")))
      assert.sameMembers(NodeFs.readdirSync(directory), [".git", "new", "run.sh", "src"])
    })
  )

  it.effect("keep a file's mode, and a hard link's other name keeps the old content", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      NodeFs.linkSync(NodePath.join(directory, "src/a.txt"), NodePath.join(directory, "../linked"))
      // More than any umask lets a new file have.
      NodeFs.chmodSync(NodePath.join(directory, "src/a.txt"), 0o666)
      yield* apply(directory, [replace("run.sh", "echo run", "echo ran"), whole("src/a.txt", "new\n")])
      assert.strictEqual(modeOf(directory, "run.sh"), 0o755)
      assert.strictEqual(modeOf(directory, "src/a.txt"), 0o666)
      assert.strictEqual(read(directory, "../linked"), "one\ntwo\nthree\n")
    })
  )

  it.effect("that cancel each other out are no changes", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const proposals: ReadonlyArray<readonly [Edit, ...Array<Edit>]> = [
        [whole("src/a.txt", "one\ntwo\nthree\n")],
        [replace("src/a.txt", "two", "two")],
        [replace("src/a.txt", "two", "2"), replace("src/a.txt", "2", "two")],
        [whole("new/c.txt", "see\n"), remove("new/c.txt")],
        [remove("run.sh"), whole("run.sh", "#!/bin/sh\necho run\n")]
      ]
      for (const edits of proposals) assert.strictEqual((yield* refusal(directory, edits))._tag, "NoChanges")
    })
  )

  it.effect("may turn a file into a folder", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const paths = yield* apply(directory, [remove("run.sh"), whole("run.sh/main", "main\n")])
      assert.deepStrictEqual(paths, ["run.sh", "run.sh/main"])
      assert.strictEqual(read(directory, "run.sh/main"), "main\n")
    })
  )

  it.effect("may not need a path to be a file and a folder", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      assertRejected(yield* refusal(directory, [whole("run.sh/main", "")]), {
        path: "run.sh/main",
        problem: /run\.sh is not a folder/
      })
      assertRejected(yield* refusal(directory, [whole("x", ""), whole("x/y", "")]), {
        edit: 2,
        path: "x/y",
        problem: /x is a file/
      })
      assertRejected(yield* refusal(directory, [whole("x/y", ""), whole("x", "")]), {
        edit: 2,
        path: "x",
        problem: /folder of x\/y/
      })
    })
  )

  it.effect("of binary files may replace or delete them, and nothing else", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      for (const bytes of [
        Uint8Array.of(97, 0, 98),
        Uint8Array.of(0xe9, 0x0a),
        Uint8Array.of(0xed, 0xa0, 0x80)
      ]) {
        write(directory, "src/a.txt", bytes)
        assertRejected(yield* refusal(directory, [replace("src/a.txt", "a", "b")]), { problem: /not UTF-8/ })
        assertRejected(yield* refusal(directory, [unified("src/a.txt", "@@ -1 +1 @@\n-a\n+b\n")]), {
          problem: /not UTF-8/
        })
        yield* apply(directory, [whole("src/a.txt", "text\n")])
        assert.strictEqual(read(directory, "src/a.txt"), "text\n")
      }
      write(directory, "src/a.txt", Uint8Array.of(0))
      yield* apply(directory, [remove("src/a.txt")])
      assert.isFalse(NodeFs.existsSync(NodePath.join(directory, "src/a.txt")))
    })
  )

  it.effect("are bounded in number and size", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const many = Array.from({ length: Limits.editsMax }, (_, index) => whole(`many/${index}`, ""))
      assertRejected(yield* refusal(directory, [whole("src/a.txt", ""), ...many]), {
        edit: Limits.editsMax + 1,
        path: `many/${Limits.editsMax - 1}`,
        problem: /this one has 201/
      })
      const half = "x".repeat(Limits.editFileBytesMax / 2 + 1)
      const tooLong = /longer than/
      assertRejected(yield* refusal(directory, [whole("src/a.txt", half + half)]), { problem: tooLong })
      assertRejected(yield* refusal(directory, [whole("src/a.txt", "ü".repeat(half.length))]), {
        problem: tooLong
      })
      const grow = replace("src/a.txt", "three", `${half}three`)
      assertRejected(yield* refusal(directory, [grow, grow]), { edit: 2, problem: tooLong })
      NodeFs.truncateSync(NodePath.join(directory, "src/a.txt"), Limits.editFileBytesMax + 1)
      assertRejected(yield* refusal(directory, [replace("src/a.txt", "two", "2")]), { problem: tooLong })
      yield* apply(directory, [whole("src/a.txt", "short again\n")])
      assert.strictEqual(read(directory, "src/a.txt"), "short again\n")
    })
  )

  it.effect("that are not Unicode are rejected", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      assertRejected(yield* refusal(directory, [whole("src/a.txt", "\ud800")]), {
        problem: /not valid Unicode/
      })
      assertRejected(yield* refusal(directory, [replace("src/a.txt", "two", "\udc00")]), {
        problem: /not valid Unicode/
      })
    })
  )

  it.effect("need a worktree that is there", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const reason = yield* Effect.flip(apply(NodePath.join(directory, "gone"), [whole("a", "")]))
      if (reason._tag !== "EditorCrashed") return assert.fail(reason._tag)
      assert.match(reason.evidence.excerpt, /ENOENT/)
      assert.strictEqual(reason.evidence.operation, "open the worktree")
      assert.strictEqual(
        (yield* Effect.flip(apply(NodePath.join(directory, "run.sh"), [whole("a", "")])))._tag,
        "EditorCrashed"
      )
    })
  )
})

/** The names that no edit may have, and why. */
const hostile: ReadonlyArray<readonly [path: string, why: RegExp]> = [
  ["/etc/passwd", /absolute/],
  ["//etc/passwd", /absolute/],
  ["C:/Windows/x", /absolute/],
  ["..", /lead out/],
  ["../outside.txt", /lead out/],
  ["src/../../outside.txt", /lead out/],
  ["src/../src/a.txt", /lead out/],
  ["src/./a.txt", /lead out/],
  ["./../outside.txt", /lead out/],
  ["src/.. /x", /lead out/],
  [".", /lead out/],
  ["./", /empty segment/],
  ["src//a.txt", /empty segment/],
  ["src/a.txt/", /empty segment/],
  ["src\\a.txt", /backslash/],
  ["..\\outside.txt", /backslash/],
  ["src/a\0.txt", /control character/],
  ["src/a\n.txt", /control character/],
  ["src/a\u007f.txt", /control character/],
  ["src/a\u0085.txt", /control character/],
  ["src/\ud800.txt", /not valid Unicode/],
  [`src/${"n".repeat(Limits.editPathCharactersMax)}`, /too long/],
  [`src/${"n".repeat(256)}`, /too long for this disk/],
  [".git", /git itself/],
  [".git/config", /git itself/],
  [".GIT/config", /git itself/],
  [".gIt/hooks/pre-commit", /git itself/],
  ["src/.git/config", /git itself/],
  ["./.git/config", /git itself/],
  [".git /config", /git itself/],
  [".git./config", /git itself/],
  [".git . ./config", /git itself/],
  [".git::$INDEX_ALLOCATION/config", /git itself/],
  [".git:stream", /git itself/],
  ["git~1/config", /git itself/],
  ["GIT~1/config", /git itself/],
  ["GIT~1 ./config", /git itself/],
  ["GIT~2/config", /git itself/],
  [".g\u200cit/config", /git itself/],
  [".\u200dgit/config", /git itself/],
  ["\ufeff.git/config", /git itself/],
  [".gi\u202et/config", /git itself/],
  [".git\u206f/config", /git itself/],
  [".\u00adGIT/config", /git itself/],
  [".git\u200b./config", /git itself/]
]

describe("a path", () => {
  for (const [path, why] of hostile) {
    it.effect(`is refused: ${JSON.stringify(path).slice(0, 50)}`, () =>
      Effect.gen(function* () {
        const directory = yield* worktree
        const edits = [
          whole(path, "x"),
          remove(path),
          replace(path, "a", "b"),
          unified(path, "@@ -1 +1 @@\n-a\n+b\n")
        ]
        for (const edit of edits) {
          const reason = yield* refusal(directory, [whole("src/a.txt", "new"), edit])
          assertUnsafe(reason, why)
          assert.notMatch(reason.message, /[\p{Cc}\p{Cs}]/u)
          assert.isBelow(reason.message.length, 1_000)
        }
      })
    )
  }

  it.effect("is refused wherever git refuses it", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const git = (...args: ReadonlyArray<string>) =>
        execFileSync("git", ["-c", "core.protectNTFS=true", "-c", "core.protectHFS=true", ...args], {
          cwd: directory,
          stdio: ["ignore", "pipe", "ignore"]
        })
      git("init", "--quiet")
      write(directory, "blob", "")
      const blob = git("hash-object", "-w", "blob").toString().trim()
      const taken = (path: string): boolean => {
        try {
          git("update-index", "--add", "--cacheinfo", `100644,${blob},${path}`)
          return true
        } catch {
          return false
        }
      }
      const fine = [
        "src/ok.txt",
        ".gitmodules",
        ".github/x.yml",
        "a/.gitignore",
        "...a",
        "git~x",
        "a b/ü😀.txt"
      ]
      for (const path of fine) {
        assert.isTrue(taken(path), path)
        assert.deepStrictEqual(yield* apply(directory, [whole(path, "text")]), [path])
      }
      const refused = hostile.flatMap(([path]) => (path.includes("\0") || taken(path) ? [] : [path]))
      assert.isAtLeast(refused.length, 20)
    })
  )

  it.effect("may not go through a symbolic link, wherever it leads", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const link = (target: string, path: string) =>
        NodeFs.symlinkSync(target, NodePath.join(directory, path))
      link("..", "up")
      link("src", "inside")
      link("../outside.txt", "file")
      link("nowhere", "dangling")
      link("loop", "loop")
      link("../../outside.txt", "src/deep/file")
      const paths = ["up/outside.txt", "up/new.txt", "inside/a.txt", "inside/deep/b.txt", "file", "dangling"]
      for (const path of [...paths, "dangling/x", "loop", "loop/x", "src/deep/file"]) {
        for (const edit of [whole(path, "x"), remove(path), replace(path, "o", "x")]) {
          assertUnsafe(yield* refusal(directory, [edit]), /is a symbolic link/)
        }
      }
    })
  )

  it.effect("may not be a directory, a pipe or a device", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      execFileSync("mkfifo", [NodePath.join(directory, "pipe")])
      for (const edit of [whole("src", ""), remove("src/deep"), replace("src", "a", "b")]) {
        assertUnsafe(yield* refusal(directory, [edit]), /is a directory/)
      }
      for (const edit of [whole("pipe", ""), remove("pipe"), replace("pipe", "a", "b")]) {
        assertUnsafe(yield* refusal(directory, [edit]), /FIFO/)
      }
      const reason = yield* Effect.flip(apply("/dev", [whole("null", "x")]))
      assertUnsafe(reason, /CharacterDevice/)
    })
  )
})

describe("the scope", () => {
  const allowed: ReadonlyArray<readonly [scope: ReadonlyArray<string>, path: string]> = [
    [["src/a.txt"], "src/a.txt"],
    [["./src/a.txt"], "src/a.txt"],
    [["src/a.txt"], "./src/a.txt"],
    [["src/"], "src/a.txt"],
    [["./src//"], "src/deep/new.txt"],
    [["src"], "src/deep/b.txt"],
    [["new/"], "new/x.txt"],
    [["."], "x.txt"],
    [["./"], "src/x.txt"],
    [["other.txt", "src/deep/"], "src/deep/b.txt"]
  ]
  for (const [scope, path] of allowed) {
    it.effect(`${JSON.stringify(scope)} lets ${path} pass`, () =>
      Effect.gen(function* () {
        const directory = yield* worktree
        const written = yield* apply(directory, [whole(path, "in scope")], scope)
        assert.deepStrictEqual(written, [path.replace("./", "")])
      })
    )
  }

  const denied: ReadonlyArray<readonly [scope: ReadonlyArray<string>, path: string]> = [
    [["src/a.txt"], "src/a.txt2"],
    [["src/a.txt"], "src/b.txt"],
    [["src/a.txt"], "src/A.txt"],
    [["src/a.txt/"], "src/a.txt"],
    [["src/deep/"], "src/a.txt"],
    [["src"], "srcs/a.txt"],
    [["src/"], "src2/a.txt"],
    [["new"], "new/x.txt"],
    [["/"], "x.txt"],
    [[".."], "x.txt"],
    [["../worktree/"], "x.txt"],
    [["up/"], "src/a.txt"]
  ]
  for (const [scope, path] of denied) {
    it.effect(`${JSON.stringify(scope)} does not let ${path} pass`, () =>
      Effect.gen(function* () {
        const directory = yield* worktree
        const reason = yield* refusal(
          directory,
          [whole("src/a.txt", ""), whole(path, "x")],
          [...scope, "src/a.txt2/"]
        )
        if (reason._tag !== "OutOfScopeEdit") return assert.fail(reason._tag)
        assert.deepStrictEqual(reason.scope, [...scope, "src/a.txt2/"])
        assert.include([path, "src/a.txt"], reason.path)
      })
    )
  }

  it.effect("is checked for every edit before any is computed", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const reason = yield* refusal(
        directory,
        [replace("src/a.txt", "not there", ""), remove("src/deep/b.txt")],
        ["src/a.txt"]
      )
      if (reason._tag !== "OutOfScopeEdit") return assert.fail(reason._tag)
      assert.strictEqual(reason.path, "src/deep/b.txt")
    })
  )
})

describe("search and replace", () => {
  const replaced: ReadonlyArray<
    readonly [what: string, text: string, search: string, replace: string, after: string]
  > = [
    ["is literal", "a.c $1 abc", "a.c", "$& $1 $$ $` $'", "$& $1 $$ $` $' $1 abc"],
    ["takes LF for CRLF and keeps CRLF", "a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\nz\n", "x\r\ny\r\nz\r\nc\r\n"],
    ["takes CRLF for LF and keeps LF", "a\nb\n", "a\r\nb", "x\r\ny", "x\ny\n"],
    ["keeps CRLF in what a line is replaced by", "a\r\nb\r\n", "b", "x\ny", "a\r\nx\r\ny\r\n"],
    ["keeps a mixed file's other lines", "a\r\nb\nc\r\n", "b\nc", "x\ny", "a\r\nx\ny\r\n"],
    ["finds CRLF lines of a mixed file", "a\r\nb\r\nc\n", "a\nb\n", "x\ny\n", "x\r\ny\r\nc\n"],
    ["finds LF lines of a mixed file", "a\r\nb\nc\n", "b\nc\n", "x\n", "a\r\nx\n"],
    ["keeps the byte order mark", "\ufeffa\nb\n", "a\n", "x\n", "\ufeffx\nb\n"],
    ["keeps a missing final newline", "a\nb", "b", "c", "a\nc"],
    ["keeps a lone CR", "a\rb\r\r\nc\r\n", "c", "d", "a\rb\r\r\nd\r\n"],
    ["may remove", "abc", "b", "", "ac"],
    ["may take everything", "abc\n", "abc\n", "", ""],
    ["works on many code units", "😀ü😀x", "😀x", "y", "😀üy"]
  ]
  for (const [what, text, search, by, after] of replaced) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const directory = yield* worktree
        write(directory, "src/a.txt", text)
        yield* apply(directory, [replace("src/a.txt", search, by)])
        assert.strictEqual(read(directory, "src/a.txt"), after)
      })
    )
  }

  const rejected: ReadonlyArray<readonly [text: string, search: string, problem: RegExp]> = [
    ["a b a b a", "a", /^the text to replace occurs 3 times$/],
    ["aaa", "aa", /^the text to replace occurs 2 times$/],
    ["a\r\nb\na\r\nb\n", "a\r\nb", /occurs 2 times/],
    ["abc\n", "abd", /^the text to replace does not occur$/],
    ["if (x) {\n    y()\n}\n", "if (x) {\n\ty()\n}", /though it would if white space were ignored$/],
    ["a\r\nb\nc\r\n", "a\nb\r\nc", /does not occur, though it would if line endings were ignored$/],
    ["abc", "\n", /^the text to replace does not occur$/],
    ["", "a", /^the text to replace does not occur$/]
  ]
  for (const [text, search, problem] of rejected) {
    it.effect(`of ${JSON.stringify(search)} in ${JSON.stringify(text)} is rejected`, () =>
      Effect.gen(function* () {
        const directory = yield* worktree
        write(directory, "src/a.txt", text)
        const edits = [whole("first", ""), replace("src/a.txt", search, "x")] as const
        assertRejected(yield* refusal(directory, edits), { edit: 2, problem })
      })
    )
  }

  it.effect("needs a file", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const missing = { problem: /^there is no such file$/ }
      assertRejected(yield* refusal(directory, [replace("none", "a", "b")]), { path: "none", ...missing })
      assertRejected(yield* refusal(directory, [remove("none")]), { path: "none", ...missing })
      assertRejected(yield* refusal(directory, [remove("src/a.txt"), replace("src/a.txt", "a", "b")]), {
        edit: 2,
        ...missing
      })
      assertRejected(yield* refusal(directory, [remove("src/a.txt"), remove("src/a.txt")]), {
        edit: 2,
        ...missing
      })
    })
  )

  it.effect("takes no longer for texts made to be slow", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const a = "a".repeat(Limits.editFileBytesMax / 4)
      write(directory, "src/a.txt", `${a}${a}b${a}`)
      assertRejected(yield* refusal(directory, [replace("src/a.txt", `c${a}`, "x")]), {
        problem: /does not occur$/
      })
      yield* apply(directory, [replace("src/a.txt", `${a}b`, "x")])
      assert.strictEqual(read(directory, "src/a.txt"), `${a}x${a}`)
    })
  )

  it.effect.prop(
    "replaces the only occurrence, and nothing when there are others",
    { letters: Schema.Array(Schema.Literals(["a", "b", "\n"])), from: Schema.Int, length: Schema.Int },
    ({ from, length, letters }) =>
      Effect.gen(function* () {
        const text = letters.join("")
        const start = Math.abs(from) % (text.length + 1)
        const search = text.slice(start, start + 1 + (Math.abs(length) % 4))
        if (search === "") return
        const starts = Array.from(text, (_, index) => index).filter((index) => text.startsWith(search, index))
        const directory = yield* worktree
        write(directory, "src/a.txt", text)
        const exit = yield* Effect.exit(apply(directory, [replace("src/a.txt", search, "$&")]))
        assert.strictEqual(Exit.isSuccess(exit), starts.length === 1)
        const after =
          starts.length === 1 ? text.slice(0, start) + "$&" + text.slice(start + search.length) : text
        assert.strictEqual(read(directory, "src/a.txt"), after)
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 60 } }
  )
})

describe("a unified diff", () => {
  const lines = [
    "",
    "a",
    "b",
    "c",
    "  a",
    "-a",
    "+b",
    "-- x",
    "++ y",
    "--- x",
    "+++ y",
    "$&",
    "x\ry",
    "\ufeffü😀"
  ]
  const diffLike = ["@@ -1 +1 @@", "\\ No newline at end of file", "diff --git a/x b/x", "Index: y", "==="]
  const Lines = Arbitrary.array(Arbitrary.schema(Schema.Literals([...lines, ...diffLike])), { maxLength: 30 })
  const Ending = Arbitrary.schema(Schema.Literals(["\n", "\r\n", "mixed"]))
  const Context = Arbitrary.schema(
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 6 })))
  )

  const textOf = (lines: ReadonlyArray<string>, ending: string, hasFinalNewline: boolean) => {
    const end = (index: number) => (ending === "mixed" ? (index % 2 === 0 ? "\r\n" : "\n") : ending)
    const text = lines.map((line, index) => line + end(index)).join("")
    const begin = ending === "mixed" ? "m\r\nn\n" : ""
    return begin + (hasFinalNewline ? text : text.replace(/\r?\n$/, ""))
  }

  it.effect.prop(
    "made from two texts turns one into the other",
    {
      one: Lines,
      two: Lines,
      three: Lines,
      ending: Ending,
      context: Context,
      hasFinalNewline: Arbitrary.schema(Schema.Tuple([Schema.Boolean, Schema.Boolean, Schema.Boolean])),
      isSentWithLf: Arbitrary.schema(Schema.Boolean)
    },
    ({ context, ending, hasFinalNewline, isSentWithLf, one, three, two }) =>
      Effect.gen(function* () {
        const [first, second, third] = [one, two, three].map((lines, index) =>
          textOf(lines, ending, hasFinalNewline[index] ?? true)
        )
        if (first === undefined || second === undefined || third === undefined) return
        if (first === second || second === third || first === third) return
        const directory = yield* worktree
        const path = "src/a.txt"
        write(directory, path, first)
        const diff = (from: string, to: string) => {
          const patch = createTwoFilesPatch(`a/${path}`, `b/${path}`, from, to, "", "", { context })
          // Only where all lines of the files it is about end in CRLF can a diff leave that out.
          const isUniform = [from, to].every((text) => /\r\n/.test(text) && !/(?<!\r)\n/.test(text))
          return isSentWithLf && isUniform ? patch.replaceAll("\r\n", "\n") : patch
        }
        yield* apply(directory, [unified(path, diff(first, second)), unified(path, diff(second, third))])
        assert.strictEqual(read(directory, path), third)
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 150 } }
  )

  const abc = "--- a/src/a.txt\n+++ b/src/a.txt\n"

  it.effect("fits where its lines have moved to, and keeps a byte order mark it does not know of", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      write(directory, "src/a.txt", `\ufeff${"0\n".repeat(50)}one\ntwo\nthree\n`)
      yield* apply(directory, [unified("src/a.txt", `${abc}@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n`)])
      assert.strictEqual(read(directory, "src/a.txt"), `\ufeff${"0\n".repeat(50)}one\n2\nthree\n`)
      yield* apply(directory, [unified("src/a.txt", "@@ -1,2 +1,2 @@\n-0\n+zero\n 0\n")])
      assert.isTrue(read(directory, "src/a.txt").startsWith("\ufeffzero\n0\n"))
    })
  )

  it.effect("makes new files, with the mode git gives them", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const paths = yield* apply(directory, [
        unified(
          "new/x",
          "--- /dev/null\n+++ b/new/x\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"
        ),
        unified("new/y", "--- a/new/y\n+++ b/new/y\n@@ -0,0 +1 @@\n+y\n"),
        unified(
          "tool",
          "diff --git a/tool b/tool\nnew file mode 100755\n--- /dev/null\n+++ b/tool\n@@ -0,0 +1 @@\n+t\n"
        ),
        unified("empty", "diff --git a/empty b/empty\nnew file mode 100644\nindex 0000000..e69de29\n")
      ])
      assert.deepStrictEqual(paths, ["empty", "new/x", "new/y", "tool"])
      assert.strictEqual(read(directory, "new/x"), "a\nb")
      assert.strictEqual(read(directory, "new/y"), "y\n")
      assert.strictEqual(read(directory, "empty"), "")
      assert.strictEqual(modeOf(directory, "tool") & 0o111, 0o111 & ~process.umask())
      assert.strictEqual(modeOf(directory, "new/x") & 0o111, 0)
    })
  )

  it.effect("deletes files, and changes their mode", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const paths = yield* apply(directory, [
        unified("src/deep/b.txt", "--- a/src/deep/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-bee\n"),
        unified("run.sh", "diff --git a/run.sh b/run.sh\nold mode 100755\nnew mode 100644\n")
      ])
      assert.deepStrictEqual(paths, ["run.sh", "src/deep/b.txt"])
      assert.isFalse(NodeFs.existsSync(NodePath.join(directory, "src/deep/b.txt")))
      assert.strictEqual(modeOf(directory, "run.sh"), 0o644)
    })
  )

  const hunk = "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
  const refused: ReadonlyArray<readonly [what: string, diff: string, problem: RegExp]> = [
    ["no diff at all", "please change two to 2", /no hunks/],
    ["headers alone", abc, /no hunks/],
    ["one header", `--- a/src/a.txt\n${hunk}`, /malformed/],
    ["another file's name", `--- a/src/b.txt\n+++ b/src/b.txt\n${hunk}`, /another file, a\/src\/b\.txt/],
    [
      "another file's new name",
      `--- a/src/a.txt\n+++ b/.git/config\n${hunk}`,
      /another file, b\/\.git\/config/
    ],
    ["another file's index", `Index: run.sh\n${hunk}`, /another file, run\.sh/],
    ["a name that leads out", `--- a/../src/a.txt\n+++ b/../src/a.txt\n${hunk}`, /another file/],
    ["two files", `${abc}${hunk}--- a/run.sh\n+++ b/run.sh\n@@ -1 +1 @@\n-a\n+b\n`, /more than one file/],
    ["the file twice", `${abc}${hunk}${abc}${hunk}`, /more than one file/],
    [
      "a rename",
      "diff --git a/src/a.txt b/src/a.txt\nrename from src/a.txt\nrename to src/a.txt\n",
      /renames/
    ],
    [
      "a binary diff",
      "diff --git a/src/a.txt b/src/a.txt\nBinary files a/src/a.txt and b/src/a.txt differ\n",
      /binary/
    ],
    [
      "a symbolic link",
      "diff --git a/src/a.txt b/src/a.txt\nold mode 100644\nnew mode 120000\n",
      /plain file/
    ],
    [
      "a file that is there, as new",
      `--- /dev/null\n+++ b/src/a.txt\n@@ -0,0 +1 @@\n+x\n`,
      /the file exists/
    ],
    ["no name", `--- /dev/null\n+++ /dev/null\n${hunk}`, /names no file/],
    ["lines that are not there", `${abc}@@ -1,3 +1,3 @@\n one\n-zwei\n+2\n three\n`, /does not fit/],
    ["context that is not there", `${abc}@@ -1,3 +1,3 @@\n eins\n-two\n+2\n three\n`, /does not fit/],
    ["too few lines", `${abc}@@ -1,3 +1,3 @@\n one\n-two\n`, /malformed/],
    ["too many lines", `${abc}@@ -1,2 +1,2 @@\n one\n-two\n+2\n three\n`, /malformed/],
    ["a bad line", `${abc}@@ -1,3 +1,3 @@\n one\n*two\u0000\n`, /malformed.*\\u0000/],
    ["no line numbers", `${abc}@@ ... @@\n-one\n+1\n`, /line numbers|malformed/],
    ["no context", `${abc}@@ -2,0 +3,1 @@\n+x\n`, /hunk 1 of the diff has no line to place it by/],
    ["no context, far away", `${abc}@@ -9000000000,0 +9000000000,1 @@\n+x\n`, /no line to place it by/],
    ["lines far away", `${abc}@@ -9007199254740991,1 +1,1 @@\n-four\n+4\n`, /does not fit/],
    ["lines beyond all numbers", `${abc}@@ -${"9".repeat(400)},1 +1,1 @@\n-one\n+1\n`, /line numbers/],
    [
      "half of the lines, as deletion",
      "--- a/src/a.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n",
      /not all/
    ],
    [
      "a stray end of file",
      `${abc}@@ -1,2 +1,2 @@\n-one\n+1\n\\ No newline at end of file\n two\n`,
      /does not fit/
    ],
    [
      "an end without newline that has one",
      `${abc}@@ -3 +3 @@\n-three\n\\ No newline at end of file\n+3\n`,
      /does not fit/
    ]
  ]
  for (const [what, diff, problem] of refused) {
    it.effect(`with ${what} is rejected`, () =>
      Effect.gen(function* () {
        const directory = yield* worktree
        const reason = yield* refusal(directory, [unified("src/a.txt", diff)])
        assertRejected(reason, { problem })
        assert.isBelow(reason.message.length, 500)
      })
    )
  }

  it.effect("of a missing file is rejected", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const edit = unified("none", "--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n")
      assertRejected(yield* refusal(directory, [edit]), { path: "none", problem: /no such file/ })
      const gone = unified("none", "--- a/none\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n")
      assertRejected(yield* refusal(directory, [gone]), { path: "none", problem: /no such file/ })
    })
  )

  it.effect("takes no longer when it is made to be slow", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      write(directory, "src/a.txt", "\n".repeat(Limits.editFileBytesMax / 2))
      const context = " \n".repeat(20_000)
      const slow = unified("src/a.txt", `${abc}@@ -1,20001 +1,20000 @@\n${context}-x\n`)
      assertRejected(yield* refusal(directory, [slow]), { problem: /takes too long/ })
      const many = unified("src/a.txt", "--- a/src/a.txt\n+++ b/src/a.txt\n".repeat(20_000))
      assertRejected(yield* refusal(directory, [many]), { problem: /more than one file/ })
    })
  )
})

describe("all or nothing", () => {
  const edits = [
    replace("run.sh", "echo run", "echo ran"),
    whole("src/a.txt", "new\n"),
    whole("new/folder/c.txt", "see\n"),
    whole("new/folder/d.txt", "dee\n"),
    remove("src/deep/b.txt")
  ] as const

  const ioError = PlatformError.systemError({
    module: "FileSystem",
    method: "write",
    _tag: "Unknown",
    cause: Object.assign(new Error("EIO: i/o error, write"), { code: "EIO" })
  })

  /** A disk whose writing calls are counted, and where those that `fails` tells fail with `fault`. */
  const faulty = (
    fails: (call: number) => boolean,
    fault: Effect.Effect<never, PlatformError.PlatformError> = Effect.fail(ioError)
  ) => {
    const counter = { calls: 0 }
    const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | PlatformError.PlatformError, R> => {
        counter.calls++
        return fails(counter.calls) ? fault : effect
      })
    const disk = (real: FileSystem.FileSystem): Partial<FileSystem.FileSystem> => ({
      makeTempDirectory: (options) => counted(real.makeTempDirectory(options)),
      makeDirectory: (path, options) => counted(real.makeDirectory(path, options)),
      writeFileString: (path, data, options) => counted(real.writeFileString(path, data, options)),
      open: (path, options) =>
        options?.flag === "wx" ? counted(real.open(path, options)) : real.open(path, options),
      chmod: (path, mode) => counted(real.chmod(path, mode)),
      rename: (from, to) => counted(real.rename(from, to))
    })
    return { counter, disk }
  }

  it.effect("holds whichever write fails", () =>
    Effect.gen(function* () {
      for (let failing = 1; ; failing++) {
        const directory = yield* worktree
        const { counter, disk } = faulty((call) => call === failing)
        const before = snapshot(NodePath.dirname(directory))
        const exit = yield* Effect.exit(applyOn(disk, directory, edits))
        if (counter.calls < failing) {
          assert.isTrue(Exit.isSuccess(exit))
          assert.isAtLeast(failing, 16)
          return
        }
        assert.deepStrictEqual(snapshot(NodePath.dirname(directory)), before, `write ${failing}`)
        const reason = yield* Effect.flip(exit)
        if (reason._tag !== "EditorCrashed") return assert.fail(reason._tag)
        assert.match(reason.evidence.excerpt, /EIO: i\/o error/)
      }
    })
  )

  it.effect("holds whenever the editor is interrupted", () =>
    Effect.gen(function* () {
      const total = faulty(() => false)
      yield* applyOn(total.disk, yield* worktree, edits)
      for (let moment = 1; moment <= total.counter.calls; moment++) {
        const directory = yield* worktree
        const before = snapshot(NodePath.dirname(directory))
        const reached = yield* Deferred.make<void>()
        const stuck = Effect.andThen(Deferred.succeed(reached, undefined), Effect.interrupt)
        const { disk } = faulty((call) => call === moment, stuck)
        const fiber = yield* Effect.forkChild(applyOn(disk, directory, edits))
        yield* Deferred.await(reached)
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(snapshot(NodePath.dirname(directory)), before, `write ${moment}`)
      }
    })
  )

  it.effect("a full disk is named as one", () =>
    Effect.gen(function* () {
      let opened = 0
      // The kernel's own ENOSPC, for the second file that is written.
      const disk: Disk = (real) => ({
        open: (path, options) =>
          options?.flag === "wx" && ++opened === 2
            ? real.open("/dev/full", { flag: "w" })
            : real.open(path, options)
      })
      const reason = yield* refusal(yield* worktree, edits, [], disk)
      if (reason._tag !== "DiskFull") return assert.fail(reason._tag)
      assert.strictEqual(reason.path, "src/a.txt")
      assert.match(reason.evidence.excerpt, /ENOSPC/)
    })
  )

  /** Does something to the worktree just before the first call that moves a file to `target`. */
  const before = (target: string, act: () => void): Disk => {
    let done = false
    return (real) => ({
      rename: (from, to) =>
        Effect.suspend(() => {
          if (!done && to.endsWith(target)) {
            done = true
            act()
          }
          return real.rename(from, to)
        })
    })
  }

  it.effect("holds when a folder becomes a file before a file is put in it", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const folder = NodePath.join(directory, "src/deep")
      const disk = before("src/deep/z.txt", () => {
        NodeFs.renameSync(folder, `${folder}-away`)
        NodeFs.writeFileSync(folder, "a file")
      })
      const reason = yield* Effect.flip(
        applyOn(disk, directory, [
          replace("src/a.txt", "two", "2"),
          whole("new/c.txt", "see\n"),
          whole("src/deep/z.txt", "z")
        ])
      )
      if (reason._tag !== "EditorCrashed") return assert.fail(reason._tag)
      assert.match(reason.evidence.excerpt, /^src\/deep\/z\.txt: ENOTDIR/)
      assert.strictEqual(read(directory, "src/a.txt"), "one\ntwo\nthree\n")
      assert.sameMembers(NodeFs.readdirSync(directory), [".git", "run.sh", "src"])
    })
  )

  it.effect("nothing stays outside when a folder becomes a link before a file is put in it", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const outside = NodePath.join(directory, "../elsewhere")
      NodeFs.mkdirSync(outside)
      const folder = NodePath.join(directory, "src/deep")
      const disk = before("src/deep/z.txt", () => {
        NodeFs.renameSync(folder, `${folder}-away`)
        NodeFs.symlinkSync(outside, folder)
      })
      const edits = [replace("src/a.txt", "two", "2"), whole("src/deep/z.txt", "z")] as const
      const reason = yield* Effect.flip(applyOn(disk, directory, edits))
      assertUnsafe(reason, /src\/deep is a symbolic link/)
      assert.isEmpty(NodeFs.readdirSync(outside))
      assert.strictEqual(read(directory, "src/a.txt"), "one\ntwo\nthree\n")
    })
  )

  it.effect("a file that became a link after it was looked at is not read", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const file = NodePath.join(directory, "src/a.txt")
      const disk: Disk = (real) => ({
        open: (path, options) =>
          Effect.suspend(() => {
            if (path === file) {
              NodeFs.unlinkSync(file)
              NodeFs.symlinkSync("../../outside.txt", file)
            }
            return real.open(path, options)
          })
      })
      const reason = yield* Effect.flip(applyOn(disk, directory, [replace("src/a.txt", "outside", "x")]))
      assertUnsafe(reason, /symbolic link/)
      assert.strictEqual(read(directory, "../outside.txt"), "outside\n")
    })
  )

  it.effect("a folder that became a link after it was looked at is not read through", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const folder = NodePath.join(directory, "src")
      const outside = NodePath.join(directory, "../elsewhere")
      NodeFs.mkdirSync(outside)
      NodeFs.writeFileSync(NodePath.join(outside, "a.txt"), "outside\n")
      const disk: Disk = (real) => ({
        open: (path, options) =>
          Effect.suspend(() => {
            NodeFs.renameSync(folder, `${folder}-away`)
            NodeFs.symlinkSync(outside, folder)
            return real.open(path, options)
          })
      })
      const reason = yield* Effect.flip(applyOn(disk, directory, [replace("src/a.txt", "outside", "x")]))
      assert.strictEqual(reason._tag, "EditorCrashed")
      assert.strictEqual(read(outside, "a.txt"), "outside\n")
    })
  )

  const replaceFile = (file: string) => {
    NodeFs.writeFileSync(`${file}.new`, "one\ntwo\ntheirs\n")
    NodeFs.renameSync(`${file}.new`, file)
  }
  const moments: Record<string, (file: string) => Disk> = {
    "before it is read": (file) => (real) => ({
      open: (path, options) =>
        Effect.suspend(() => {
          if (path === file) replaceFile(file)
          return real.open(path, options)
        })
    }),
    "after it was read": (file) => (real) => ({
      makeTempDirectory: (options) =>
        Effect.suspend(() => {
          replaceFile(file)
          return real.makeTempDirectory(options)
        })
    }),
    "just before it is moved": (file) => (real) => ({
      rename: (from, to) =>
        Effect.suspend(() => {
          if (from === file) replaceFile(file)
          return real.rename(from, to)
        })
    })
  }
  for (const [moment, disk] of Object.entries(moments)) {
    it.effect(`a file that another program replaces ${moment} is left to it`, () =>
      Effect.gen(function* () {
        const directory = yield* worktree
        const file = NodePath.join(directory, "src/a.txt")
        const edits = [whole("run.sh", ""), replace("src/a.txt", "two", "2")] as const
        const reason = yield* Effect.flip(applyOn(disk(file), directory, edits))
        if (reason._tag !== "EditorCrashed") return assert.fail(reason._tag)
        assert.match(reason.evidence.excerpt, /src\/a\.txt was changed by another program/)
        assert.strictEqual(read(directory, "src/a.txt"), "one\ntwo\ntheirs\n")
        assert.strictEqual(read(directory, "run.sh"), "#!/bin/sh\necho run\n")
        assert.sameMembers(NodeFs.readdirSync(directory), [".git", "run.sh", "src"])
      })
    )
  }

  it.effect("what cannot be put back is named, and kept", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      let renames = 0
      const disk: Disk = (real) => ({
        rename: (from, to) =>
          Effect.suspend(() => (++renames > 2 ? Effect.fail(ioError) : real.rename(from, to)))
      })
      const reason = yield* Effect.flip(applyOn(disk, directory, edits))
      if (reason._tag !== "EditorCrashed") return assert.fail(reason._tag)
      assert.match(reason.evidence.excerpt, /^src\/a\.txt, run\.sh could not be put back .*EIO/)
      const staging = NodeFs.readdirSync(directory).find((name) => name.startsWith(".moose-edit-"))
      if (staging === undefined) return assert.fail("the originals are gone")
      const kept = NodeFs.readdirSync(NodePath.join(directory, staging)).map((name) =>
        read(directory, NodePath.join(staging, name))
      )
      assert.includeMembers(kept, ["#!/bin/sh\necho run\n", "one\ntwo\nthree\n"])
      execFileSync("rm", [NodePath.join(directory, ".git")])
      execFileSync("git", ["init", "--quiet"], { cwd: directory })
      const status = execFileSync("git", ["status", "--porcelain"], { cwd: directory }).toString()
      assert.notInclude(status, ".moose-edit")
    })
  )

  it.effect("holds for many editors at work in one worktree", () =>
    Effect.gen(function* () {
      const directory = yield* worktree
      const numbers = Array.from({ length: 12 }, (_, index) => index)
      const exits = yield* Effect.forEach(
        numbers,
        (number) =>
          Effect.exit(apply(directory, [whole("src/a.txt", `${number}\n`), whole(`new/${number}.txt`, "x")])),
        { concurrency: "unbounded" }
      )
      const succeeded = numbers.filter((number) => exits[number]?._tag === "Success")
      const written = NodeFs.existsSync(NodePath.join(directory, "new"))
        ? NodeFs.readdirSync(NodePath.join(directory, "new"))
        : []
      assert.sameMembers(
        written,
        succeeded.map((number) => `${number}.txt`)
      )
      assert.sameMembers(
        NodeFs.readdirSync(directory).filter((name) => name !== "new"),
        [".git", "run.sh", "src"]
      )
    })
  )
})
