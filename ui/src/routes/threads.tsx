/** `/threads` */
export { ThreadsPage as default } from "~/features/threads/ThreadsPage";
