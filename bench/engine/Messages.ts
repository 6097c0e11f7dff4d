import { Schema } from "effect"

/** What the bench asks a contender's process for, and what that answers: JSON over the process's own channel. */
export const Request = Schema.Union([
  /** So many callers, each of which begins again when its order has ended, for so long. */
  Schema.TaggedStruct("Load", { callers: Schema.Int, ms: Schema.Int }),
  /** So many orders altogether. */
  Schema.TaggedStruct("Batch", { callers: Schema.Int, orders: Schema.Int }),
  Schema.TaggedStruct("Park", { orders: Schema.Int })
])
export type Request = typeof Request.Type

export const Reply = Schema.Union([
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Loaded", {
    ms: Schema.Number,
    /** Processor time of the contender's own process. */
    cpuMs: Schema.Number,
    latencies: Schema.Array(Schema.Number)
  }),
  Schema.TaggedStruct("Parked", { heapBytes: Schema.Number, rssBytes: Schema.Number }),
  Schema.TaggedStruct("Failed", { why: Schema.String })
])
export type Reply = typeof Reply.Type
