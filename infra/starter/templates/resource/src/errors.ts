import { apiProblems, defineProblems, ServiceError } from '#service-kit';

export type SampleErrorCode = 'field_note_not_found';

export class SampleError extends ServiceError<SampleErrorCode> {}

/** The status and the title that a client gets for each code. */
export const sampleProblems = defineProblems<SampleErrorCode>({
  field_note_not_found: { status: 404, title: 'You have no field note with this id' },
});

/** Documents the problems that a route itself can answer with. */
export const ApiProblems = apiProblems<SampleErrorCode>();
