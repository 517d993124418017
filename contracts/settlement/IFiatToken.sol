// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC3009, IERC3009Cancel} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";

/// @title A token pegged to one fiat currency (ERC-20, ERC-2612, ERC-3009)
/// @notice Amounts are minor units of an ISO 4217 currency; one member issues. EIP-712 domain is (token name, "1",
/// chain id, token) as wallets expect of ERC-2612, not TradeSeal's own. ERC-3009's own functions, with a split
/// signature, and its events come from OpenZeppelin; here are those that take a signature as bytes, of an account or
/// an ERC-1271 contract.
interface IFiatToken is IERC3009, IERC3009Cancel {
    /// @notice Signed by a TOKEN_ISSUER key of the issuer; `paymentReference` is used once.
    struct Mint {
        address to;
        uint256 amount;
        bytes32 paymentReference;
        uint64 deadline;
    }

    /// @notice Signed by a TOKEN_ISSUER key of the issuer: burns from the issuer's own account only, out of the ERC-20
    /// allowance that the account gave the signer (by `approve` or ERC-2612), unless the signer is the account itself.
    /// To be the registered account is not enough: a member may register any account that is no other member's.
    struct Burn {
        uint256 amount;
        bytes32 paymentReference;
        uint64 deadline;
    }

    /// @notice The issuer minted against a fiat payment.
    event Minted(address indexed to, uint256 amount, bytes32 indexed paymentReference, address signer);
    /// @notice The issuer burnt against a fiat payout.
    event Burnt(address indexed from, uint256 amount, bytes32 indexed paymentReference, address signer);

    /// @notice An amount of zero.
    error AmountInvalid(uint256 amount);
    /// @notice The payment reference was used before, or is zero.
    error PaymentReferenceUsed(bytes32 paymentReference);
    /// @notice The signed deadline (Unix seconds) lies before the including block.
    error DeadlineExpired(uint64 deadline, uint256 timestamp);
    /// @notice The signature is not `signer`'s over `digest`.
    error SignatureInvalid(address signer, bytes32 digest);
    /// @notice ERC-3009: not valid yet, or no longer (Unix seconds).
    error AuthorizationNotLive(uint256 validAfter, uint256 validBefore, uint256 timestamp);
    /// @notice ERC-3009: only the payee may call receiveWithAuthorization.
    error CallerNotPayee(address caller, address payee);

    /// @notice Issuer: mints.
    function mint(Mint calldata order, address signer, bytes calldata signature) external;
    /// @notice Issuer: burns from its own account, which allowed the signer to.
    function burn(Burn calldata order, address signer, bytes calldata signature) external;
    /// @notice ERC-3009 transfer by signature (account or ERC-1271 contract).
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
    /// @notice ERC-3009 transfer by signature, called by the payee itself.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
    /// @notice ERC-3009: cancels an authorisation that was not used.
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external;
    /// @notice ISO 4217 code, e.g. "EUR".
    function currency() external view returns (string memory);
    /// @notice GLN of the issuing member.
    function issuer() external view returns (uint64);
}
