import { Octokit } from "@octokit/core"
import { Clock, Duration, Effect, Layer, Option, Redacted, Schema } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { AuthenticationFailed, TimedOut } from "../domain/errors/Reasons.ts"
import { Sha } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { RepositoryName } from "../domain/Project.ts"
import { PullRequest } from "../domain/PullRequest.ts"
import { GitHub } from "../services/GitHub.ts"
import { Answer, fromAnswer, fromConnection, fromCreateAnswer, fromUndecodable } from "./GitHubFailures.ts"
import type { Call } from "./GitHubReasons.ts"

export interface Options {
  /** The REST API: `https://api.github.com`, an enterprise's `/api/v3`, or a local forge. */
  readonly apiUrl: string
  /** Unset: only what everybody may see. */
  readonly token: Redacted.Redacted<string> | undefined
}

const apiVersion = "2022-11-28"
/** The most pull requests of one branch that are looked at; a work order's branch has one. */
const perPage = 100

const Repository = Schema.Struct({
  default_branch: Schema.String,
  archived: Schema.optionalKey(Schema.Boolean),
  disabled: Schema.optionalKey(Schema.Boolean),
  permissions: Schema.optionalKey(Schema.Struct({ push: Schema.optionalKey(Schema.Boolean) }))
})

const Named = Schema.NullOr(Schema.Struct({ full_name: Schema.String }))

/** What is read of a pull request. A head without a repository is a fork that was deleted. */
const PullRequestAnswer = Schema.Struct({
  number: Schema.Int,
  html_url: Schema.String,
  state: Schema.Literals(["open", "closed"]),
  merged_at: Schema.NullOr(Schema.String),
  head: Schema.Struct({ ref: Schema.String, sha: Sha, repo: Named }),
  base: Schema.Struct({ ref: Schema.String, repo: Named })
})
type PullRequestAnswer = typeof PullRequestAnswer.Type

const toPullRequest = ({ number, html_url, state, merged_at, head, base }: PullRequestAnswer) =>
  PullRequest.make({
    number,
    url: html_url,
    state,
    merged: merged_at !== null,
    head: { branch: head.ref, sha: head.sha },
    base: { branch: base.ref }
  })

/** fetch, with an answer that ends in an error when it grows past the limit. */
const boundedFetch = async (...request: Parameters<typeof fetch>): Promise<Response> => {
  const response = await fetch(...request)
  let bytes = 0
  const bounded = response.body?.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, controller) => {
        bytes += chunk.byteLength
        if (bytes <= Limits.forgeBodyBytesMax) controller.enqueue(chunk)
        else controller.error(new Error("The answer is too long"))
      }
    })
  )
  return new Response(bounded ?? null, response)
}

const ignore = () => undefined
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore }

/** What Octokit throws: with a response, or without one when none came. */
const Thrown = Schema.Struct({ response: Schema.optional(Answer) })
const readThrown = Schema.decodeUnknownOption(Thrown)
const readAnswer = Schema.decodeUnknownEffect(Answer)

/** A header cannot carry anything else, and fetch would print the token when it says so. */
const tokenPattern = /^[\x21-\x7e]+$/

interface Request extends Call {
  readonly parameters: Record<string, string | number>
}

/** GitHub through its REST API. Nothing is tried twice here, and nothing is logged. */
export const layer = (options: Options) =>
  Layer.sync(GitHub, () => {
    const baseUrl = options.apiUrl.replace(/\/+$/, "")
    const service = Evidence.redact(baseUrl)
    const token = options.token === undefined ? undefined : Redacted.value(options.token)
    const octokit = new Octokit({
      baseUrl,
      userAgent: "moose",
      log: silent,
      request: { fetch: boundedFetch, log: silent },
      ...(token === undefined ? {} : { auth: token })
    })

    const ask = (
      operation: string,
      { owner, name }: RepositoryName,
      parameters: Request["parameters"] = {}
    ) => ({
      operation,
      service,
      repository: `${owner}/${name}`,
      parameters: { owner, repo: name, ...parameters }
    })

    /** One request and its answer, whatever the status. */
    const send = (request: Request) =>
      Effect.gen(function* () {
        if (token !== undefined && !tokenPattern.test(token)) {
          const excerpt = "the token is empty, or has spaces or line breaks in it"
          const evidence = Evidence.make({ operation: request.operation, excerpt })
          return yield* new AuthenticationFailed({ service, evidence })
        }
        const sent = yield* Effect.result(
          Effect.tryPromise({
            try: (signal) =>
              octokit.request(request.operation, {
                ...request.parameters,
                headers: { accept: "application/vnd.github+json", "x-github-api-version": apiVersion },
                request: { signal }
              }),
            catch: (cause) => cause
          })
        )
        if (sent._tag === "Success") {
          return yield* Effect.mapError(readAnswer(sent.success), (cause) => fromConnection(request, cause))
        }
        const answer = Option.flatMapNullishOr(readThrown(sent.failure), ({ response }) => response)
        return yield* Option.match(answer, {
          onNone: () => Effect.fail(fromConnection(request, sent.failure)),
          onSome: Effect.succeed
        })
      }).pipe(
        Effect.timeoutOrElse({
          duration: Limits.forgeCall,
          orElse: () =>
            Effect.fail(
              new TimedOut({ operation: request.operation, limitMs: Duration.toMillis(Limits.forgeCall) })
            )
        })
      )

    /** Reads the answer as `schema`, or fails with what `refused` makes of any other. */
    const read = Effect.fnUntraced(function* <A, E>(
      request: Request,
      schema: Schema.Codec<A, unknown>,
      refused: (answer: Answer, now: number) => E
    ) {
      const answer = yield* send(request)
      if (answer.status < 200 || answer.status > 299) {
        return yield* Effect.fail(refused(answer, yield* Clock.currentTimeMillis))
      }
      return yield* Effect.mapError(Schema.decodeUnknownEffect(schema)(answer.data), (error) =>
        fromUndecodable(request, answer, error)
      )
    })

    const get = <A>(request: Request, schema: Schema.Codec<A, unknown>) =>
      read(request, schema, (answer, now) => fromAnswer(request, answer, now))

    const getRepository = Effect.fn("GitHub.getRepository")(function* (repository: RepositoryName) {
      const found = yield* get(ask("GET /repos/{owner}/{repo}", repository), Repository)
      const writable = found.archived !== true && found.disabled !== true
      return {
        defaultBranch: found.default_branch,
        canPush: writable && (found.permissions?.push ?? false)
      }
    })

    const findPullRequests = Effect.fn("GitHub.findPullRequests")(function* (input: {
      readonly repository: RepositoryName
      readonly branch: string
      readonly state: "open" | "all"
    }) {
      const { repository, branch, state } = input
      const request = ask("GET /repos/{owner}/{repo}/pulls", repository, {
        head: `${repository.owner}:${branch}`,
        state,
        sort: "created",
        direction: "desc",
        per_page: perPage
      })
      const found = yield* get(request, Schema.Array(PullRequestAnswer))
      // GitHub ignores a filter that it does not understand, and forks have branches of the same name.
      const ours = found.filter(
        ({ head, base }) => head.ref === branch && head.repo?.full_name === base.repo?.full_name
      )
      return ours.map(toPullRequest)
    })

    const getPullRequest = Effect.fn("GitHub.getPullRequest")(function* (input: {
      readonly repository: RepositoryName
      readonly number: number
    }) {
      const request = ask("GET /repos/{owner}/{repo}/pulls/{pull_number}", input.repository, {
        pull_number: input.number
      })
      return toPullRequest(yield* get(request, PullRequestAnswer))
    })

    const createPullRequest = Effect.fn("GitHub.createPullRequest")(function* (input: {
      readonly repository: RepositoryName
      readonly branch: string
      readonly base: string
      readonly title: string
      readonly body: string
    }) {
      const { repository, branch, base, title, body } = input
      const request = ask("POST /repos/{owner}/{repo}/pulls", repository, { head: branch, base, title, body })
      const created = yield* read(request, PullRequestAnswer, (answer, now) =>
        fromCreateAnswer(request, { branch, base }, answer, now)
      )
      return toPullRequest(created)
    })

    const commentPullRequest = Effect.fn("GitHub.commentPullRequest")(function* (input: {
      readonly repository: RepositoryName
      readonly number: number
      readonly body: string
    }) {
      const { repository, number, body } = input
      const operation = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"
      yield* get(ask(operation, repository, { issue_number: number, body }), Schema.Unknown)
    })

    const closePullRequest = Effect.fn("GitHub.closePullRequest")(function* (input: {
      readonly repository: RepositoryName
      readonly number: number
    }) {
      const { repository, number } = input
      const request = ask("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", repository, {
        pull_number: number,
        state: "closed"
      })
      return toPullRequest(yield* get(request, PullRequestAnswer))
    })

    return GitHub.of({
      getRepository,
      findPullRequests,
      getPullRequest,
      createPullRequest,
      commentPullRequest,
      closePullRequest
    })
  })
