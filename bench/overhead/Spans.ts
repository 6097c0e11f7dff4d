import { Option, Tracer } from "effect"

/** A span that has ended, in milliseconds since 1970. */
export interface Span {
  readonly name: string
  /** Of the span around it. */
  readonly within: string | undefined
  readonly traceId: string
  readonly from: number
  readonly to: number
}

const milliseconds = (nanoseconds: bigint): number => Number(nanoseconds) / 1e6

/** Remembers every span that ends. */
export const recorder = () => {
  const spans: Array<Span> = []
  class Recorded extends Tracer.NativeSpan {
    override end(...[endTime, exit]: Parameters<Tracer.NativeSpan["end"]>) {
      super.end(endTime, exit)
      const { status, name, traceId, parent } = this
      if (status._tag !== "Ended") return
      const around = Option.getOrUndefined(parent)
      spans.push({
        name,
        within: around?._tag === "Span" ? around.name : undefined,
        traceId,
        from: milliseconds(status.startTime),
        to: milliseconds(status.endTime)
      })
    }
  }
  return {
    tracer: Tracer.make({ span: (options) => new Recorded(options) }),
    /** What ended since it was asked last. */
    take: (): ReadonlyArray<Span> => spans.splice(0)
  }
}
