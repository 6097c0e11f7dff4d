import { Effect, FileSystem, Path } from "effect"
import * as FaultyForge from "./FaultyForge.ts"
import type * as HttpProxy from "./HttpProxy.ts"

/** What git asks of a remote. */
export type Operation = "fetch" | "push"

/** The request that does the work: what comes before it only asks what there is. */
export const isFetch: HttpProxy.Matches = ({ path }) => path.endsWith("service=git-upload-pack")
export const isPush: HttpProxy.Matches = ({ method, path }) =>
  method === "POST" && path.endsWith("/git-receive-pack")

const matches: Record<Operation, HttpProxy.Matches> = { fetch: isFetch, push: isPush }

export interface GitRemote extends FaultyForge.FaultyForge {
  /** The repository's own hook refuses every push with these words, until `accept`. Branches stay as they are. */
  readonly reject: (words: string) => Effect.Effect<void>
  readonly accept: Effect.Effect<void>
  /** The next one gets no answer, and nothing is done: it ends by the limit of whoever waits. */
  readonly stall: (operation: Operation) => ReturnType<HttpProxy.HttpProxy["next"]>
  /** The connection of the next one breaks before anything is done. */
  readonly drop: (operation: Operation) => ReturnType<HttpProxy.HttpProxy["next"]>
  /** The next one is done, and its connection breaks before it says so. */
  readonly dropReply: (operation: Operation) => ReturnType<HttpProxy.HttpProxy["next"]>
  /** The next one is answered 503, and nothing is done. */
  readonly unavailable: (operation: Operation) => ReturnType<HttpProxy.HttpProxy["next"]>
}

/** A remote that git reaches over HTTP, with one repository, which misbehaves when it is told to. Ends with the scope. */
export const make = Effect.fn("GitRemote.make")(function* (files?: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const forge = yield* FaultyForge.make(files)
  const hooks = path.join(forge.directory, "hooks")
  const hook = path.join(hooks, "pre-receive")
  const words = path.join(hooks, "words")
  yield* fs.makeDirectory(hooks, { recursive: true })

  const next = (operation: Operation, fault: HttpProxy.Fault) => forge.proxy.next(matches[operation], fault)
  const remote: GitRemote = {
    ...forge,
    reject: (said) =>
      Effect.orDie(
        Effect.andThen(
          fs.writeFileString(words, `${said}\n`),
          fs.writeFileString(hook, '#!/bin/sh\ncat >/dev/null\ncat "$(dirname "$0")/words" >&2\nexit 1\n', {
            mode: 0o755
          })
        )
      ),
    accept: Effect.orDie(fs.remove(hook, { force: true })),
    stall: (operation) => next(operation, { _tag: "Stall" }),
    drop: (operation) => next(operation, { _tag: "Drop" }),
    dropReply: (operation) => next(operation, { _tag: "DropReply" }),
    unavailable: (operation) =>
      next(operation, { _tag: "Answer", answer: { status: 503, body: "Service Unavailable" } })
  }
  return remote
})
