/** `/secrets` */
export { SecretsPage as default } from "~/features/secrets/SecretsPage";
