import { apiProblems } from '#service-kit';
import { ordersProblems } from './errors.js';

/** Documents the problems that a route may answer with. */
export const ApiProblems = apiProblems(ordersProblems);
