import { Effect, Option, Schema } from "effect"
import type { Redacted } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { HttpServerError } from "effect/http"
import type { ForgeFailed } from "../../domain/errors/PullRequestError.ts"
import type { RepositoryName } from "../../domain/Project.ts"
import type { BareRepository } from "./BareRepository.ts"
import { answered, carries } from "./Guard.ts"
import type { Quota } from "./Guard.ts"
import type { PullRequests } from "./PullRequests.ts"
import { badCredentials, impossible, notFound, refusal, undecodable } from "./Refusal.ts"
import type { Refusal } from "./Refusal.ts"
import * as ShowPull from "./PullRequestRepresentations.ts"
import * as Show from "./Representations.ts"
import { Changing, Commenting, Listing, Merging, Opening } from "./Requests.ts"
import { bodyAs, linkHeader, numberIn, repositoryIn, select } from "./Requests.ts"
import type { Store } from "./Store.ts"

/** Everything the routes work with. */
export interface Forge {
  readonly url: string
  readonly token: Redacted.Redacted<string>
  readonly store: Store
  readonly git: BareRepository
  readonly pullRequests: PullRequests
  readonly quota: Quota
}

const json = (
  body: unknown,
  options?: { readonly status?: number; readonly headers?: Record<string, string> }
) => HttpServerResponse.jsonUnsafe(body, options)

/** The part of GitHub's REST API that Moose and its users' scripts meet. Every call needs the token. */
export const routes = (forge: Forge) => {
  const { url, git, store, pullRequests } = forge

  const api = <R>(
    method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE",
    path: `/${string}`,
    handler: Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      Refusal | ForgeFailed | HttpServerError.HttpServerError,
      R
    >
  ) =>
    HttpRouter.route(method, path, (request) =>
      answered(carries(request, forge.token) ? handler : Effect.fail(badCredentials))
    )

  const repositoryOr404 = (name: RepositoryName) =>
    Effect.flatMap(store.find(name), (state) =>
      state === null ? Effect.fail(notFound) : Effect.succeed(state)
    )

  const getRepository = Effect.gen(function* () {
    const state = yield* repositoryOr404(repositoryIn(yield* HttpRouter.params))
    const { head } = yield* git.refs(state.location)
    return json(
      Show.repository(url, { ...state, defaultBranch: (state.own ? null : head) ?? state.defaultBranch })
    )
  })

  const getRef = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const state = yield* repositoryOr404(repositoryIn(params))
    const ref = `refs/${params["*"]}`
    const sha = (yield* git.refs(state.location)).tips.get(ref)
    if (sha === undefined) return yield* notFound
    return json(Show.gitRef(url, state, ref, sha))
  })

  const getMatchingRefs = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const state = yield* repositoryOr404(repositoryIn(params))
    const { tips } = yield* git.refs(state.location)
    const matching = [...tips].filter(([ref]) => ref.startsWith(`refs/${params["*"] ?? ""}`)).sort()
    return json(matching.map(([ref, sha]) => Show.gitRef(url, state, ref, sha)))
  })

  const deleteRef = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const state = yield* repositoryOr404(repositoryIn(params))
    if (state.location.kind === "url") {
      return yield* refusal(403, "Branches of a repository elsewhere are deleted with git push")
    }
    const ref = `refs/${params["*"]}`
    const { tips } = yield* git.refs(state.location)
    if (!tips.has(ref)) return yield* refusal(422, "Reference does not exist")
    const refused = yield* git.push(state.location.address, ref, null)
    if (refused !== null) return yield* refusal(422, `The reference cannot be deleted: ${refused.trim()}`)
    return HttpServerResponse.empty({ status: 204 })
  })

  const listPullRequests = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const search = yield* HttpServerRequest.ParsedSearchParams
    const decode = Schema.decodeUnknownEffect(Listing, { errors: "all" })
    const query = yield* Effect.mapError(decode(search), (error) => undecodable("PullRequest", error))
    const { repository, records } = yield* pullRequests.list(repositoryIn(yield* HttpRouter.params))
    const found = select(records, repository.owner, query)
    const perPage = Math.min(query.per_page ?? 30, 100)
    const page = query.page ?? 1
    const shown = found.slice((page - 1) * perPage, page * perPage)
    const address = Option.getOrElse(HttpServerRequest.toURL(request), () => new URL(url))
    return json(
      shown.map((record) => ShowPull.pullRequestSimple(url, { repository, record })),
      { headers: linkHeader(address, page, Math.ceil(found.length / perPage)) }
    )
  })

  const openPullRequest = Effect.gen(function* () {
    const name = repositoryIn(yield* HttpRouter.params)
    yield* repositoryOr404(name)
    const input = yield* bodyAs("PullRequest", Opening)
    const found = yield* pullRequests.open(name, {
      ...input,
      body: input.body ?? null,
      draft: input.draft ?? false
    })
    return json(ShowPull.pullRequest(url, found, yield* pullRequests.size(found)), {
      status: 201,
      headers: { location: `${url}/repos/${name.owner}/${name.name}/pulls/${found.record.number}` }
    })
  })

  const getPullRequest = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const found = yield* pullRequests.get(repositoryIn(params), yield* numberIn(params))
    return json(ShowPull.pullRequest(url, found, yield* pullRequests.size(found)))
  })

  const changePullRequest = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const { base, ...changes } = yield* bodyAs("PullRequest", Changing)
    if (base !== undefined) return yield* impossible("The local forge does not change a pull request's base.")
    const found = yield* pullRequests.update(repositoryIn(params), yield* numberIn(params), changes)
    return json(ShowPull.pullRequest(url, found, yield* pullRequests.size(found)))
  })

  const mergePullRequest = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const input = yield* bodyAs("PullRequest", Merging)
    const method = input.merge_method ?? "merge"
    if (method === "rebase") return yield* refusal(405, "Rebase merges are not allowed on this repository.")
    const { record } = yield* pullRequests.merge(repositoryIn(params), yield* numberIn(params), {
      method,
      sha: input.sha,
      title: input.commit_title
    })
    return json({ sha: record.mergeSha, merged: true, message: "Pull Request successfully merged" })
  })

  const createComment = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const { body } = yield* bodyAs("IssueComment", Commenting)
    const written = yield* pullRequests.comment(repositoryIn(params), yield* numberIn(params), body)
    return json(ShowPull.comment(url, { ...written, body }), { status: 201 })
  })

  return [
    api(
      "GET",
      "/user",
      Effect.sync(() => json(Show.tokenUser(url)))
    ),
    api(
      "GET",
      "/rate_limit",
      Effect.sync(() => json(Show.rateLimit(forge.quota.latest())))
    ),
    api("GET", "/repos/:owner/:repo", getRepository),
    api("GET", "/repos/:owner/:repo/git/ref/*", getRef),
    api("GET", "/repos/:owner/:repo/git/matching-refs/*", getMatchingRefs),
    api("DELETE", "/repos/:owner/:repo/git/refs/*", deleteRef),
    api("GET", "/repos/:owner/:repo/pulls", listPullRequests),
    api("POST", "/repos/:owner/:repo/pulls", openPullRequest),
    api("GET", "/repos/:owner/:repo/pulls/:number", getPullRequest),
    api("PATCH", "/repos/:owner/:repo/pulls/:number", changePullRequest),
    api("PUT", "/repos/:owner/:repo/pulls/:number/merge", mergePullRequest),
    api("POST", "/repos/:owner/:repo/issues/:number/comments", createComment)
  ]
}
