import { apiProblems, defineProblems, ServiceError } from '#service-kit';

export type SampleErrorCode = 'entry_not_found';

export class SampleError extends ServiceError<SampleErrorCode> {}

/** The status and the title that a client gets for each code. */
export const sampleProblems = defineProblems<SampleErrorCode>({
  entry_not_found: { status: 404, title: 'There is no entry with this id' },
});

/** Documents the problems that a route itself can answer with. */
export const ApiProblems = apiProblems<SampleErrorCode>();
