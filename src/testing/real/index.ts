/** Faults on real parts: each a scoped resource on 127.0.0.1 that ends by itself. */

/** A clock that is wrong. */
export * as ClockSkew from "./ClockSkew.ts"
/** A forge that limits rates, answers 502 after doing the work, and lies with 404. */
export * as FaultyForge from "./FaultyForge.ts"
/** A folder in which no space is left. */
export * as FullDisk from "./FullDisk.ts"
/** A git remote that rejects, stalls or drops. */
export * as GitRemote from "./GitRemote.ts"
/** A reverse proxy that harms single requests: what the forge and the remote are made of. */
export * as HttpProxy from "./HttpProxy.ts"
/** Faults of a model's provider, on an aimock of your own. */
export * as ModelFaults from "./ModelFaults.ts"
/** The connection to a real PostgreSQL, cut, delayed, stalled, or robbed of an answer. */
export * as PostgresProxy from "./PostgresProxy.ts"
