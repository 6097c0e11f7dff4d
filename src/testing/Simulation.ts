import { Clock, Duration, Effect, type Exit, Option, Scheduler } from "effect"

interface Sleep {
  readonly at: number
  /** Sleeps that end at the same moment end in the order in which they began. */
  readonly order: number
  readonly wake: () => void
}

/** Those that end first, first: a binary heap, since a day of an order has thousands of them. */
class Sleeps {
  private readonly heap: Array<Sleep> = []
  private order = 0

  readonly add = (at: number, wake: () => void): void => {
    const { heap } = this
    const sleep = { at, order: this.order++, wake }
    let index = heap.length
    heap.push(sleep)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !before(sleep, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = sleep
  }

  readonly next = (): Sleep | undefined => this.heap[0]

  readonly take = (): void => {
    const { heap } = this
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const [a, b] = [heap[left], heap[left + 1]]
      const smaller = a !== undefined && b !== undefined && before(b, a) ? left + 1 : left
      const child = heap[smaller]
      if (child === undefined || !before(child, last)) break
      heap[index] = child
      index = smaller
    }
    heap[index] = last
  }
}

const before = (a: Sleep, b: Sleep): boolean => (a.at === b.at ? a.order < b.order : a.at < b.at)

/**
 * Runs an effect to its end in a time of its own: whenever nothing can go on, the clock jumps to the end of the next
 * sleep. Days take milliseconds, and the same effect takes the same turns. None when it has not ended by `until`,
 * or waits for something that is not a sleep. Only for effects that wait for nothing outside: no promises, no files.
 */
export const run = <A, E>(
  effect: Effect.Effect<A, E>,
  options: {
    /** Milliseconds since 1970. */
    readonly from?: number
    /** How long it may take, by its own clock. */
    readonly until: Duration.Input
  }
): Option.Option<Exit.Exit<A, E>> => {
  let now = options.from ?? 0
  const end = now + Duration.toMillis(Duration.fromInputUnsafe(options.until))
  const sleeps = new Sleeps()
  let ready: Array<() => void> = []

  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        let over = false
        const ms = Math.max(0, Math.ceil(Duration.toMillis(duration)))
        sleeps.add(now + ms, () => {
          if (!over) resume(Effect.void)
        })
        return Effect.sync(() => {
          over = true
        })
      })
  }
  const scheduler = new Scheduler.MixedScheduler("async", (task) => {
    ready.push(task)
    return () => {
      ready = ready.filter((it) => it !== task)
    }
  })

  let exit = Option.none<Exit.Exit<A, E>>()
  const fiber = Effect.runFork(Effect.provideService(effect, Clock.Clock, clock), { scheduler })
  fiber.addObserver((ended) => {
    exit = Option.some(ended)
  })
  while (Option.isNone(exit)) {
    const tasks = ready
    if (tasks.length > 0) {
      ready = []
      for (const task of tasks) task()
      continue
    }
    const sleep = sleeps.next()
    if (sleep === undefined || sleep.at > end) break
    sleeps.take()
    now = sleep.at
    sleep.wake()
  }
  return exit
}
