/** `/policy` */
export { PolicyPage as default } from "~/features/policy/PolicyPage";
