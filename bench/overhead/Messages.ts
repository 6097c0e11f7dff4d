import { Schema } from "effect"
import { Project } from "../../src/domain/Project.ts"

/** One thing that somebody outside was at: a request from its arrival to the end of its answer, or a git process; in milliseconds since 1970. */
export const Served = Schema.Struct({
  by: Schema.Literals(["model", "forge", "git"]),
  from: Schema.Finite,
  to: Schema.Finite
})
export type Served = typeof Served.Type

/** Where the world outside is. */
export const Outside = Schema.TaggedStruct("Outside", {
  model: Schema.String,
  forge: Schema.String,
  token: Schema.String,
  repository: Project.fields.repository,
  branch: Schema.String
})
export type Outside = typeof Outside.Type

/** What the world outside says: where it is, and then everything it serves. */
export const Message = Schema.Union([Outside, Schema.TaggedStruct("Served", { served: Served })])

/** What the gateway's provider says: where it is. */
export const Listening = Schema.TaggedStruct("Listening", { url: Schema.String })

/** What the gateway's client is to ask: so many requests, numbered, with an access to the gateway. */
export const Asked = Schema.Struct({
  baseUrl: Schema.String,
  token: Schema.String,
  from: Schema.Int,
  calls: Schema.Int
})

/** How long a request took through the gateway, and how long without it, beside what the provider was at it; and work of a fixed size after it; in milliseconds. */
export const Pair = Schema.Struct({ through: Schema.Finite, direct: Schema.Finite, work: Schema.Finite })
export type Pair = typeof Pair.Type

/** What the client says when it has asked everything. */
export const Made = Schema.TaggedStruct("Made", { pairs: Schema.Array(Pair) })
