import * as Evidence from "../../domain/errors/Evidence.ts"
import { StoreConflict, StoreUnavailable } from "../../domain/errors/Reasons.ts"
import { conditionOf } from "../classifiers/Condition.ts"
import { classifier } from "../classifiers/Postgres.ts"
import type { Tag } from "../classifiers/postgres/Conditions.ts"

/**
 * What a condition of the database means to whoever called it. away: nobody there could be asked, or answered;
 * unsettled: it was asked, did not do it, and may when it is asked again; refused: it will say the same again.
 */
export type Standing = "away" | "unsettled" | "refused"

/** Where every condition that PostgreSQL's classifier knows stands: a new one does not compile without a row. */
export const standings: Record<Tag, Standing> = {
  NetworkReset: "away",
  NetworkUnreachable: "away",
  NetworkTimeout: "away",
  NetworkDns: "away",
  TlsFailure: "away",
  ProxyFailure: "away",
  RemoteServerError: "away",
  RateLimited: "away",
  AuthenticationFailed: "away",
  ResponseMalformed: "away",
  OutcomeUnknown: "away",
  Aborted: "away",
  StreamTruncated: "away",
  GatewayPage: "away",
  TooManyRedirects: "away",
  CannotListen: "away",
  AlreadyRunning: "away",
  ClientClosed: "away",
  InvalidRequest: "away",
  KeyUnusable: "away",
  DatabaseConnectionLost: "away",
  DatabaseStarting: "away",
  DatabaseRestarting: "away",
  TooManyConnections: "away",
  ProtocolViolation: "away",
  // The server, or the way there, has not the means to answer anybody.
  DiskFull: "away",
  ResourcesExhausted: "away",
  ResourceBusy: "away",
  OutOfMemory: "away",
  ProcessKilled: "away",

  SerializationFailure: "unsettled",
  DeadlockDetected: "unsettled",
  LockNotAvailable: "unsettled",
  StatementTimeout: "unsettled",
  CachedPlanStale: "unsettled",
  // Every code of the server's is known: this is something of the driver's, without one.
  Unrecognised: "unsettled",

  PermissionDenied: "refused",
  QuotaExhausted: "refused",
  ToolMissing: "refused",
  OutputTooLarge: "refused",
  ProcessFailed: "refused",
  StorageFault: "refused",
  WatchLimit: "refused",
  FileMissing: "refused",
  FileExists: "refused",
  FileUnfit: "refused",
  ProgrammingError: "refused",
  PreparedStatementLost: "refused",
  QueryCancelled: "refused",
  TransactionAborted: "refused",
  TransactionRolledBack: "refused",
  IdleInTransactionTimeout: "refused",
  PartlyDone: "refused",
  UniqueViolation: "refused",
  ConstraintViolation: "refused",
  InvalidData: "refused",
  RaisedByFunction: "refused",
  RowNotFound: "refused",
  RowNotUnique: "refused",
  InvalidStatement: "refused",
  AlreadyExists: "refused",
  SchemaMismatch: "refused",
  RlsViolation: "refused",
  ReadOnlyDatabase: "refused",
  ServerMisconfigured: "refused",
  InternalError: "refused",
  MigrationFailed: "refused",
  MigrationPartlyApplied: "refused"
}

/** What the driver threw for a query, and where that stands. */
export const met = (cause: unknown) => {
  const evidence = conditionOf(classifier, "query", cause)
  return { evidence, standing: standings[evidence.condition.tag] }
}

/** The reason for it. Store functions may be called again, so what is unsettled is as good as away. */
export const storeReason = (
  operation: string,
  standing: Standing,
  evidence: Evidence.Evidence
): StoreUnavailable | StoreConflict =>
  standing === "refused"
    ? new StoreConflict({
        conflict: `The database refused ${operation}: ${evidence.excerpt}`,
        evidence
      })
    : new StoreUnavailable({ evidence })
