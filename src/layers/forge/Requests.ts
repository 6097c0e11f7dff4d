import { Effect, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import type { RepositoryName } from "../../domain/Project.ts"
import { notFound, problemsParsing, undecodable } from "./Refusal.ts"
import type { PullRequestRecord } from "./Records.ts"

const Title = Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(256), Schema.isPattern(/\S/)))
const Body = Schema.NullOr(Schema.String.pipe(Schema.check(Schema.isMaxLength(65_536))))
const Branch = Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(255)))

/** What is asked of each call, as far as the forge reads it. */
export const Opening = Schema.Struct({
  title: Title,
  head: Branch,
  base: Branch,
  body: Schema.optionalKey(Body),
  draft: Schema.optionalKey(Schema.Boolean)
})
export const Changing = Schema.Struct({
  title: Schema.optionalKey(Title),
  body: Schema.optionalKey(Body),
  state: Schema.optionalKey(Schema.Literals(["open", "closed"])),
  base: Schema.optionalKey(Branch)
})
export const Merging = Schema.Struct({
  merge_method: Schema.optionalKey(Schema.Literals(["merge", "squash", "rebase"])),
  sha: Schema.optionalKey(Schema.String),
  commit_title: Schema.optionalKey(Schema.String)
})
export const Commenting = Schema.Struct({
  body: Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(65_536)))
})
/** Digits only: what JavaScript also takes for numbers (0x1, 1e3) is none here. */
const Count = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^[1-9]\d{0,8}$/)),
  Schema.decodeTo(Schema.FiniteFromString)
)
export const Listing = Schema.Struct({
  state: Schema.optionalKey(Schema.Literals(["open", "closed", "all"])),
  head: Schema.optionalKey(Schema.String),
  base: Schema.optionalKey(Schema.String),
  direction: Schema.optionalKey(Schema.Literals(["asc", "desc"])),
  per_page: Schema.optionalKey(Count),
  page: Schema.optionalKey(Count)
})
export type Listing = typeof Listing.Type

const parse = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))
/** The body of the request as `schema` wants it: 400 when it is no JSON, 422 naming the fields. */
export const bodyAs = <A>(resource: string, schema: Schema.Codec<A, unknown>) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const text = yield* request.text
    const json = yield* Effect.mapError(parse(text === "" ? "{}" : text), () => problemsParsing)
    const decode = Schema.decodeUnknownEffect(schema, { errors: "all" })
    return yield* Effect.mapError(decode(json), (error) => undecodable(resource, error))
  })

/** The repository that a path names. */
export const repositoryIn = (params: Readonly<Record<string, string | undefined>>): RepositoryName => ({
  owner: params["owner"] ?? "",
  name: params["repo"] ?? ""
})

/** The pull request's number in a path; 404 when it is none. */
export const numberIn = (params: Readonly<Record<string, string | undefined>>) =>
  Effect.mapError(Schema.decodeUnknownEffect(Count)(params["number"]), () => notFound)

/** Newest first, filtered as GitHub filters: a `head` without an owner filters nothing. */
export const select = (records: ReadonlyArray<PullRequestRecord>, owner: string, query: Listing) => {
  const [headOwner, headBranch] = query.head?.includes(":")
    ? query.head.split(/:(.*)/s)
    : [undefined, undefined]
  const state = query.state ?? "open"
  const found = records.filter(
    (record) =>
      (state === "all" || record.state === state) &&
      (query.base === undefined || record.base === query.base) &&
      (headOwner === undefined ||
        (headOwner.toLowerCase() === owner.toLowerCase() && headBranch === record.head))
  )
  return found.sort((a, b) => (query.direction === "asc" ? a.number - b.number : b.number - a.number))
}

/** GitHub's pagination header for one page of `pages`. */
export const linkHeader = (address: URL, page: number, pages: number): Record<string, string> => {
  const to = (rel: string, number: number) => {
    const target = new URL(address)
    target.searchParams.set("page", `${number}`)
    return `<${target}>; rel="${rel}"`
  }
  const before = page > 1 ? [to("prev", page - 1), to("first", 1)] : []
  const after = page < pages ? [to("next", page + 1), to("last", pages)] : []
  const all = [...before, ...after]
  return all.length === 0 ? {} : { link: all.join(", ") }
}
