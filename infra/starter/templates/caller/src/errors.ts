// Stands for the errors.ts of the service that calls. It is not copied.
export { ApiProblems } from '../../service/src/errors.js';
