/** The versions whose invocation, log and output Moose knows; transcripts of one are in test/fixtures/aider. */
export const wanted = "0.86"

/** Is what `aider --version` prints one of them? */
export const supported = (said: string): boolean => /^\S+ 0\.86\.\d+\b/m.test(said)
