/** Where one event of a stream ends and the next begins. */
const separator = /\r\n\r\n|\n\n|\r\r/

/** Cuts a stream of text into its events, each as it came, its separator included. */
export const splitter = () => {
  let rest = ""
  return {
    push: (text: string): ReadonlyArray<string> => {
      rest += text
      const events: Array<string> = []
      for (let found = separator.exec(rest); found !== null; found = separator.exec(rest)) {
        const end = found.index + found[0].length
        events.push(rest.slice(0, end))
        rest = rest.slice(end)
      }
      return events
    },
    /** What came after the last whole event: nothing, unless the stream was cut. */
    rest: (): string => rest
  }
}

/** The data of an event; none for comments, which keep a connection alive. */
export const dataOf = (event: string): string | undefined => {
  const lines = event
    .split(/\r\n|\n|\r/)
    .flatMap((line) => (line.startsWith("data:") ? [line.slice("data:".length).trimStart()] : []))
  return lines.length === 0 ? undefined : lines.join("\n")
}
